import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { MUTATIONS } from './mutations.ts';

const root = path.resolve(import.meta.dirname, '../..');

// Most are looked for in the long run alone, which would say it late.
it.each(MUTATIONS.map((mutation) => [mutation.name, mutation] as const))(
  'the code holds, once, what is broken so that %s',
  (_, { file, from }) => {
    expect(readFileSync(path.join(root, file), 'utf8').split(from).length - 1).toBe(1);
  },
);
