import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { MUTATIONS } from './tests/simulation/mutations.ts';

const ROOT = fileURLToPath(new URL('.', import.meta.url));
const mutation = MUTATIONS.find(({ name }) => name === process.env['SATCHEL_SIM_MUTATION']);
if (mutation === undefined) throw new Error('SATCHEL_SIM_MUTATION names no mutation');

/** Runs `hunt.mutant.ts` on code with one mistake in it. */
export default defineConfig({
  root: ROOT,
  plugins: [
    {
      name: 'one mistake',
      enforce: 'pre',
      transform(code, id) {
        if (id !== `${ROOT}${mutation.file}`) return null;
        if (code.split(mutation.from).length !== 2) throw new Error(`${mutation.file} does not hold, once: ${mutation.from}`);
        return code.replace(mutation.from, () => mutation.to);
      },
    },
  ],
  test: { include: ['tests/simulation/hunt.mutant.ts'], testTimeout: 600_000 },
});
