// A worker of claude-mem, in a process of its own: fills its database, and works on it for as many transactions as its input allows, a byte
// each, until that ends. Prints a line of JSON a transaction: what it did, or how it failed, when it was through, and how long that took, in
// milliseconds.
import { createMemDeeds } from '../sources/mem-deeds.mjs';

const [, , file, seed, pauseMs, fill] = process.argv;
const deeds = createMemDeeds({ file, seed: Number(seed) });
const say = (line) => process.stdout.write(`${JSON.stringify({ at: Date.now(), ...line })}\n`);

let [allowed, isWorking, isStopped] = [0, false, false];
const work = () => {
  isWorking = allowed > 0 && !isStopped;
  if (isStopped) deeds.close();
  if (!isWorking) return;
  allowed -= 1;
  const began = performance.now();
  try {
    const did = deeds.work();
    say({ ms: performance.now() - began, did });
  } catch (error) {
    say({ ms: performance.now() - began, failed: `${error.code} ${error.message}` });
  }
  setTimeout(work, deeds.random(Number(pauseMs)));
};

say({ ms: 0, did: [...deeds.fill('shared', Number(fill)), ...deeds.fill(`own-${seed}`, Number(fill))] });
process.stdin.on('data', (bytes) => {
  allowed += bytes.length;
  if (!isWorking) work();
});
process.stdin.on('end', () => {
  isStopped = true;
  if (!isWorking) work();
});
