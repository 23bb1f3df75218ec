import { writeFileSync } from 'node:fs';
import type { PlaceKind } from './places.ts';
import { runSchedule } from './schedule.ts';

// Looks for the first seed that finds the mistake, and writes what it found to a file.
const [most, report, place] = process.argv.slice(2) as [string, string, PlaceKind];
for (let seed = 1; seed <= Number(most); seed += 1) {
  const { failure } = await runSchedule(seed, place);
  if (failure === null) continue;
  writeFileSync(report, JSON.stringify({ seed, message: failure.message }));
  break;
}
