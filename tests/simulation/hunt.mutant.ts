import { writeFileSync } from 'node:fs';
import { it } from 'vitest';
import { runSchedule } from './schedule.ts';

/** Looks for the first seed that finds the mistake, and writes what it found to a file. */
it('finds the mistake', async () => {
  const most = Number(process.env['SATCHEL_SIM_SEEDS']);
  for (let seed = 1; seed <= most; seed += 1) {
    const { failure } = await runSchedule(seed);
    if (failure === null) continue;
    writeFileSync(process.env['SATCHEL_SIM_REPORT'] as string, JSON.stringify({ seed, message: failure.message }));
    return;
  }
});
