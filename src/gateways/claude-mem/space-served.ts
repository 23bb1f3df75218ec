import { z } from 'zod';
import { digestOf } from './digest.ts';

/** A place in the log of a space, whose home remote moves once with each term. */
export interface LogPlace {
  readonly term: number;
  readonly position: number;
}

/** Of which space the clients of a user are told, and how much of it they were given. */
export interface SpaceServed {
  /** Stands for the space: {@link spaceMark}. */
  readonly space: string;
  /** All that it has up to there; `null` for nothing yet. */
  readonly upTo: LogPlace | null;
  /** Nothing more is served before something else was done on that machine. */
  readonly isHeld: boolean;
}

/** Of an answer to a question for the status, where a space is behind the user's feed. claude-mem's clients take no notice of it. */
export const SPACE_HEADER = 'x-satchel-space';

/** The same of the same space on every machine; which space it is it does not tell. */
export function spaceMark(space: string): string {
  return digestOf(`satchel-claude-mem-space\0${space}`);
}

export function spaceHeader({ space, upTo, isHeld }: SpaceServed): string {
  return JSON.stringify({ space, upTo, isHeld });
}

const count = z.number().int().min(-1);
const header = z.object({
  space: z.string().min(1).max(128),
  upTo: z.object({ term: count, position: count }).nullable(),
  isHeld: z.boolean(),
});

/** `null` for none, or what no node of this version wrote. */
export function parseSpaceHeader(text: string | null): SpaceServed | null {
  if (text === null) return null;
  try {
    const parsed = header.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Whether what is served goes up to a place, or beyond it. */
export function isServedUpTo({ upTo }: SpaceServed, { term, position }: LogPlace): boolean {
  return upTo !== null && (upTo.term > term || (upTo.term === term && upTo.position >= position));
}
