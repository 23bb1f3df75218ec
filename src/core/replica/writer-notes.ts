import type { SpaceId } from '../ids.ts';

/** Collection of notes that a writer had everything in place, by writer. Whoever takes its views away takes these too. */
export const settledNotes = (space: SpaceId): string => `settled/${space}`;

/** Collection of what a writer keeps for as long as none of its views is written, by writer. Goes with its views. */
export const keptNotes = (space: SpaceId): string => `kept/${space}`;
