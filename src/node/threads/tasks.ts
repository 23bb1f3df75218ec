import type { EpochKeys } from '../../core/crypto/space-keys.ts';
import type { BodyBinding, OpenError, SealedObject } from '../../core/crypto/object-cipher.ts';
import type { SpaceId } from '../../core/ids.ts';
import type { Effort } from '../../core/ports/compression.ts';
import type { FileProblem, FileStat, WriteOptions } from '../../core/ports/files.ts';
import type { SealedChunk } from '../../core/ports/sealing.ts';
import type { Result } from '../../core/result.ts';
import type { Place } from '../../sources/files/node-place.ts';
import type { AheadRead } from '../../sources/files/file-threads.ts';

/** What other threads are asked, and what they answer. Keys are handed on within the process only. */
export interface Tasks {
  /** Cuts a body into chunks and seals them. */
  chunks: {
    task: {
      readonly body: Uint8Array;
      readonly space: SpaceId;
      readonly keyId: number;
      readonly gear: Uint32Array;
      readonly epoch: EpochKeys;
    };
    answer: readonly SealedChunk[];
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
      readonly objects: readonly SealedObject[];
      readonly space: SpaceId;
      readonly epochs: ReadonlyMap<number, EpochKeys>;
    };
    answer: readonly Result<Uint8Array, OpenError>[];
  };
  /** Writes whole files in place, as `FileTree.write` does. Their bodies lie in `bytes`, one behind the other. */
  write: {
    task: {
      readonly place: Place;
      readonly bytes: Uint8Array;
      readonly files: readonly { readonly path: string; readonly length: number; readonly options: WriteOptions }[];
    };
    answer: {
      readonly written: readonly Result<FileStat, FileProblem>[];
      /** Folders whose names are not durable yet. */
      readonly dirty: ReadonlySet<string>;
    };
  };
  read: { task: { readonly place: Place; readonly paths: readonly string[] }; answer: readonly Result<AheadRead, FileProblem>[] };
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
