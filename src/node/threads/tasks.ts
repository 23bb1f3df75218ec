import type { EpochKeys } from '../../core/crypto/space-keys.ts';
import type { BodyBinding, OpenError, SealedObject } from '../../core/crypto/object-cipher.ts';
import type { ObjectId, SpaceId } from '../../core/ids.ts';
import type { Effort } from '../../core/ports/compression.ts';
import type { FileProblem, FileStat, WriteOptions } from '../../core/ports/files.ts';
import type { TextIndex } from '../../core/ports/text-index.ts';
import type { Result } from '../../core/result.ts';
import type { Place } from '../../sources/files/node-place.ts';
import type { CarriedRows } from '../../sources/claude-mem/claude-mem-profile.ts';
import type { ReaderStart, RowPage } from '../../sources/sqlite-rows/row-reader.ts';
import type { WriterStart } from '../../sources/sqlite-rows/row-writer.ts';
import type { RowTask, Written } from '../../sources/sqlite-rows/row-task.ts';
import type { AheadRead } from '../../sources/files/file-threads.ts';
import type { Slab } from './slab.ts';

/** What other threads are asked, and what they answer. Keys are handed on within the process only. */
export interface Tasks {
  /** Cuts bodies into chunks and seals them. */
  chunks: {
    task: {
      readonly bodies: Slab;
      readonly space: SpaceId;
      readonly keyId: number;
      readonly gear: Uint32Array;
      readonly epoch: EpochKeys;
    };
    answer: {
      /** Of each body its chunks: how much plaintext is in them. */
      readonly chunks: readonly (readonly { readonly id: ObjectId; readonly length: number }[])[];
      /** The chunks of all bodies, in their order. */
      readonly sealed: Slab;
    };
  };
  bundle: {
    task: {
      readonly plain: Uint8Array;
      readonly binding: BodyBinding;
      readonly epoch: EpochKeys;
      readonly salt: Uint8Array;
      readonly effort: Effort | undefined;
    };
    answer: SealedObject;
  };
  open: {
    task: {
      readonly ids: readonly ObjectId[];
      readonly sealed: Slab;
      readonly space: SpaceId;
      readonly epochs: ReadonlyMap<number, EpochKeys>;
    };
    answer: {
      /** Why an object did not open; `null`: it did. */
      readonly errors: readonly (OpenError | null)[];
      /** Of each object the plaintext; nothing where it did not open. */
      readonly opened: Slab;
    };
  };
  /** Writes whole files in place, as `FileTree.write` does. */
  write: {
    task: {
      readonly place: Place;
      readonly bodies: Slab;
      readonly files: readonly { readonly path: string; readonly options: WriteOptions }[];
    };
    answer: {
      readonly written: readonly Result<FileStat, FileProblem>[];
      /** Folders whose names are not durable yet. */
      readonly dirty: ReadonlySet<string>;
    };
  };
  /** Writes rows into another program's database, between `begin` and `end`. Other tasks hold nothing; this one, `pages` and `index` a connection. */
  rows: {
    task:
      | { readonly step: 'begin'; readonly start: WriterStart; readonly carried: CarriedRows }
      /** Bodies lie in `bytes`, one behind the other: as they are they might be parts of something much larger, which would go along. */
      | {
          readonly step: 'write';
          readonly tasks: readonly (Omit<RowTask, 'body'> & { readonly length: number | null })[];
          readonly bytes: Uint8Array;
        }
      | { readonly step: 'version' }
      | { readonly step: 'end' };
    answer: Written | number | null;
  };
  /** Reads them, page by page, between `begin` and `end`. */
  pages: {
    task:
      | { readonly step: 'begin'; readonly start: ReaderStart; readonly carried: CarriedRows }
      | { readonly step: 'next'; readonly table: string }
      | { readonly step: 'end' };
    answer: RowPage | null;
  };
  /** Asks the full-text index, between `open` and `close`. */
  index: {
    task: { readonly step: 'open'; readonly file: string } | { readonly step: keyof TextIndex; readonly given: readonly unknown[] };
    answer: { readonly value: unknown } | { readonly damaged: string } | { readonly full: string };
  };
  read: {
    task: { readonly place: Place; readonly paths: readonly string[] };
    answer: {
      /** Of each file all but its bytes, where they lie in `small`. */
      readonly files: readonly Result<Omit<AheadRead, 'bytes'> & { readonly bytes: Uint8Array | null }, FileProblem>[];
      /** Those files' bytes, in their order. */
      readonly small: Slab;
    };
  };
}

export type TaskType = keyof Tasks;
export type TaskOf<T extends TaskType> = Tasks[T]['task'];
export type AnswerOf<T extends TaskType> = Tasks[T]['answer'];

/** A task as it travels. */
export interface TaskMessage<T extends TaskType = TaskType> {
  readonly number: number;
  readonly type: T;
  readonly task: TaskOf<T>;
}

export type AnswerMessage =
  | { readonly number: number; readonly answer: AnswerOf<TaskType> }
  | { readonly number: number; readonly problem: string };
