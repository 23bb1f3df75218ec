import type { ConsentSubject } from '../../sources/claude-home/consent.ts';
import type { SpaceConsents } from '../consent-book.ts';

/** Something that waits for a person's answer. */
export interface PendingEntry {
  /** Stays the same as long as the answer would mean the same. 64 hex characters; 8 of them are shown. */
  readonly id: string;
  readonly type: 'consent' | 'mass-deletion' | 'older-state' | 'first-apply' | 'secret';
  /** What it is about: a name, a folder unit, a captured folder. */
  readonly path: string;
  /** The same for people: `MCP server db`. */
  readonly title: string;
  /** What an approval does. One line. */
  readonly what: string;
  /** Names of the machines that it comes from; empty where it comes from here, or that is not known yet. */
  readonly machines: readonly string[];
  /** ISO 8601, as its author's clock said. */
  readonly since: string | null;
  readonly items: readonly PendingItem[];
  /** It was answered with no: listed where asked for, and counted nowhere. */
  readonly rejected: boolean;
}

export interface PendingItem {
  readonly item: string;
  readonly change: 'new' | 'changed' | 'removed' | 'unchanged';
  /** Bytes of what would stand there; `null` for a removal. */
  readonly size: number | null;
}

/** What becomes of one item, for a diff. `null`: nothing stands there. */
export interface PendingChange {
  readonly item: string;
  readonly before: string | null;
  readonly after: string | null;
  /** Why it is not shown; `null` where it is. */
  readonly unshown: string | null;
}

/** An entry, and what to do when the answer comes. */
export interface Pending {
  readonly entry: PendingEntry;
  change(): Promise<PendingChange[]>;
  /** Where it changes settings of one's own: texts in them that are secret for where they stand, whatever they look like. */
  secrets?(): Promise<readonly string[]>;
  /** `onCopy` is told the folder of a copy of what is replaced. */
  approve(onCopy: (folder: string) => void): Promise<void>;
  /** The same. */
  reject(onCopy: (folder: string) => void): Promise<void>;
  /** Where the answer is one of a book: many of them are given at once. */
  readonly consent?: { readonly book: SpaceConsents; readonly subject: ConsentSubject };
}
