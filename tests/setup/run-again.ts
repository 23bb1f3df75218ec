import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vitest/config';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const STORE = `${ROOT}src/store/sqlite/sqlite-store.ts`;
const DOUBLE = `${ROOT}tests/doubles/again-store.ts`;
const FROM = 'export async function createSqliteStore(';

/** Every SQLite store that a test makes runs each of its writing transactions twice (tests/doubles/again-store.ts). */
export function runAgain(): Plugin {
  return {
    name: 'every transaction twice',
    enforce: 'pre',
    transform(code, id) {
      if (id !== STORE) return null;
      if (code.split(FROM).length !== 2) throw new Error(`${STORE} does not hold, once: ${FROM}`);
      return [
        `import { createAgainStore } from '${DOUBLE}';`,
        'export const createSqliteStore = async (options) => createAgainStore(await createOnce(options));',
        code.replace(FROM, 'async function createOnce('),
      ].join('\n');
    },
  };
}
