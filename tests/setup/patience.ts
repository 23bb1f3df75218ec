/**
 * Milliseconds. How long tests wait for what happens in its own time: it does within a few, but a machine may be busy with a
 * hundred other things. `expect.poll` has it from vitest.config.ts.
 */
export const PATIENCE = { timeout: 120_000, interval: 50 };
