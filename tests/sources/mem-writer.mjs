// A worker of claude-mem, in a thread of its own: works on its database all the while, as claude-mem does.
import { parentPort, workerData } from 'node:worker_threads';
import { createMemDeeds } from './mem-deeds.mjs';

const { file, seed, pauseMs, most } = workerData;
const deeds = createMemDeeds({ file, seed });

let stopped = false;
let left = most;
parentPort.on('message', () => (stopped = true));
const work = () => {
  try {
    if ((left -= 1) >= 0) deeds.work();
  } catch (error) {
    parentPort.postMessage({ type: 'failed', message: `${error.code} ${error.message}` }, []);
    return deeds.close();
  }
  if (stopped) {
    deeds.close();
    parentPort.postMessage({ type: 'stopped' }, []);
    return parentPort.close();
  }
  setTimeout(work, deeds.random(pauseMs));
};
work();
