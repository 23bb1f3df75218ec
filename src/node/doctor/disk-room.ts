import type { StoreUnavailable } from '../../core/ports/store.ts';
import { failed, passed, warned, type Check } from './check.ts';

const LITTLE = 1024 ** 3;
const VERY_LITTLE = 100 * 1024 ** 2;
/** Bytes. A store needs them to do anything: less counts as none. */
export const NO_ROOM = 256 * 1024;

/**
 * Whether there is room where a node's home is. It is full where that was seen (`problem`), or nothing could be written; little room is
 * said as what it is. Pure.
 */
export function checkRoom(root: string, free: number, problem: StoreUnavailable | null = null): Check {
  const room = `${Math.floor(free / 1024 ** 2)} MiB`;
  const evidence = [`${room} are free where ${root} is`];
  if (problem !== null) return failed('disk.space', 'high', problem.message, problem.remedy, evidence);
  if (free < NO_ROOM) return failed('disk.space', 'high', 'the disk is full: nothing new can be kept', 'Make room', evidence);
  if (free < VERY_LITTLE) return warned('disk.space', 'high', `only ${room} are free`, 'Make room', evidence);
  if (free < LITTLE) return warned('disk.space', 'medium', 'the disk is nearly full', 'Make room', evidence);
  return passed('disk.space', 'there is room on the disk', evidence);
}
