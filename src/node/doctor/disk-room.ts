import { failed, passed, warned, type Check } from './check.ts';

const LITTLE = 1024 ** 3;
const VERY_LITTLE = 100 * 1024 ** 2;

/** Whether there is room where a node's home is. Pure. */
export function checkRoom(root: string, free: number): Check {
  const evidence = [`${Math.round(free / 1024 ** 2)} MiB are free where ${root} is`];
  if (free < VERY_LITTLE) return failed('disk.space', 'high', 'the disk is full: nothing can be captured', 'Make room', evidence);
  if (free < LITTLE) return warned('disk.space', 'medium', 'the disk is nearly full', 'Make room', evidence);
  return passed('disk.space', 'there is room on the disk', evidence);
}
