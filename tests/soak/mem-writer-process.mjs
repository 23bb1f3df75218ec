// A worker of claude-mem, in a process of its own: fills its database, and works on it from the first line of its input until that ends. Prints
// a line of JSON a transaction: what it did, or how it failed, when it was through, and how long that took, in milliseconds.
import { createMemDeeds } from '../sources/mem-deeds.mjs';

const [, , file, seed, pauseMs, fill] = process.argv;
const deeds = createMemDeeds({ file, seed: Number(seed) });
const say = (line) => process.stdout.write(`${JSON.stringify({ at: Date.now(), ...line })}\n`);

let stopped = false;
process.stdin.once('data', () => work());
process.stdin.on('end', () => (stopped = true));

say({ ms: 0, did: [...deeds.fill('shared', Number(fill)), ...deeds.fill(`own-${seed}`, Number(fill))] });
const work = () => {
  const began = performance.now();
  try {
    const did = deeds.work();
    say({ ms: performance.now() - began, did });
  } catch (error) {
    say({ ms: performance.now() - began, failed: `${error.code} ${error.message}` });
    stopped = true;
  }
  if (stopped) return deeds.close();
  setTimeout(work, deeds.random(Number(pauseMs)));
};
