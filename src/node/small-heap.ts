import { setFlagsFromString } from 'node:v8';

/** Per cent of what is in use. */
const GROWTH = 40;

let working = 0;

/**
 * Runs work that makes much garbage for long, as reading a long log does. Where a machine has much memory, V8 lets its heap
 * grow to four times of what is in use before it looks for garbage: 200 MB and more behind 40 that are needed. Until `work` ends, two
 * fifths are let grow, in all of this process, at a quarter to two fifths more CPU.
 */
export async function inSmallHeap<T>(work: () => Promise<T>, setFlag: (flag: string) => void = setFlagsFromString): Promise<T> {
  working += 1;
  if (working === 1) setFlag(`--heap-growing-percent=${GROWTH}`);
  try {
    return await work();
  } finally {
    working -= 1;
    if (working === 0) setFlag('--heap-growing-percent=0'); // as V8 sees fit
  }
}
