import type { Attributes, Content } from '../content.ts';
import type { Item } from '../item.ts';
import type { CommitNote } from '../log/commit.ts';
import type { View } from '../ports/store.ts';

/**
 * One writer's window on a space: how a source captures local state as changes and applies what others wrote. The
 * view behind it is durable, and is the merge base of everything that the writer captures.
 *
 * The law that keeps everything: the writer reports what it found (`capture`), never what it thinks changed; and it
 * writes over local state only after it was captured.
 */
export interface Workspace {
  readonly writer: string;

  /** All views, or at least those at and under some names, keyed by `itemKey`. O(views), or O(names and what is found). */
  views(under?: readonly string[]): Promise<Map<string, View>>;

  /**
   * Takes what the writer found as changes against its view. What equals the view (or an intended apply) only
   * updates `local`; the rest becomes drafts, merged at once with what the space holds by now. Durable when it
   * resolves. Split into commits by the format's limits, groups kept together.
   */
  capture(found: readonly Found[], note: Omit<CommitNote, 'time'>): Promise<CaptureReport>;

  /**
   * Items whose content in the space (drafts included) differs from what this writer was shown. Not-here items are
   * left out. O(items of the space) the first time, then O(changes since).
   */
  outstanding(): Promise<Outstanding[]>;

  /** Durable note that these contents are about to be put in place. Call before touching local state. */
  intend(items: readonly Intended[]): Promise<void>;

  /** These contents are in place now: the view moves on. */
  applied(results: readonly Applied[]): Promise<void>;

  /** These items cannot be held here (why): their absence is no deletion, and they are not outstanding any more. */
  notHere(items: readonly { readonly item: Item; readonly reason: string }[]): Promise<void>;

  /** The body of an item, or the part of it from `offset` on. Throws {@link BodyUnavailable} where it cannot be had now. */
  read(item: Item, content: Content, offset?: number): Promise<Uint8Array>;

  /**
   * A hint: this body is new to the space and will be captured soon, so that what takes long may begin. Resolves when that is
   * done; never rejects.
   */
  expect?(body: Uint8Array): Promise<void>;

  /** Fetches the objects of several bodies in few round trips, so that reads after it are local. */
  prefetch(contents: readonly Content[]): Promise<void>;
}

export type Found =
  | {
      readonly type: 'body';
      readonly item: Item;
      readonly attributes: Attributes;
      readonly body: Uint8Array;
      readonly local: string | null;
    }
  /**
   * The body begins with the `baseSize` bytes that the view shows (the writer has checked) and goes on with `tail`.
   * `sha256` is of the whole.
   */
  | {
      readonly type: 'tail';
      readonly item: Item;
      readonly attributes: Attributes;
      readonly baseSize: number;
      readonly tail: Uint8Array;
      readonly sha256: Uint8Array;
      readonly local: string | null;
    }
  /** What the view shows is not there any more. */
  | { readonly type: 'absent'; readonly item: Item }
  /** Content is known to be unchanged; only the writer's note is new. */
  | { readonly type: 'same'; readonly item: Item; readonly local: string | null };

export interface CaptureReport {
  /** Draft commits made. */
  readonly commits: number;
  readonly changes: number;
  /** Bytes of new plaintext. */
  readonly bytes: number;
  /** Items that now have a new open conflict. */
  readonly conflicts: readonly Item[];
  /** Of how many, other than absent ones, the view shows now what was found, with the writer's note. */
  readonly noted: number;
  /**
   * Items that were not taken, with the reason. They stay local, and nothing of them is lost. `again`: not as they were
   * found, and the writer's note is gone: read whole they will be. Otherwise the format does not take them. `unfit`: by
   * their content, which has to be another one; the others are as they should be, and stay local or wait for an answer.
   */
  readonly refused: readonly { readonly item: Item; readonly reason: string; readonly again?: true; readonly unfit?: true }[];
}

export interface Outstanding {
  readonly item: Item;
  /** What to put in place; `null`: remove. */
  readonly content: Content | null;
  /** What the writer was last shown: must still be in place, else capture first. */
  readonly shown: Content | null;
  /** The writer's note of when it was shown. */
  readonly local: string | null;
}

export interface Intended extends Outstanding {
  /** The writer's note from then on, as of where it is about to stand. Left out: it stays as it is. */
  readonly note?: string;
}

export interface Applied {
  readonly item: Item;
  readonly content: Content | null;
  readonly local: string | null;
}

/** The body cannot be had now: offline, withheld by the remote, pruned, or erased. */
export class BodyUnavailable extends Error {
  override readonly name = 'BodyUnavailable';
  readonly reason: 'offline' | 'withheld' | 'pruned' | 'erased' | 'no-key' | 'damaged';
  constructor(reason: BodyUnavailable['reason'], message: string) {
    super(message);
    this.reason = reason;
  }
}

/** Whether nobody who can be asked has it, so that only another machine helps: nothing else that is done here or later does. */
export function isLacking({ reason }: BodyUnavailable): boolean {
  return reason === 'withheld' || reason === 'damaged';
}
