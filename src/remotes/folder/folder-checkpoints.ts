import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { RemoteError } from '../../core/ports/remote.ts';
import { checkCheckpoint } from '../checks.ts';
import { unless } from './errors.ts';
import type { FolderFiles } from './files.ts';
import { encodeFrame, readFrame } from './frame.ts';

/** The checkpoints of one space: `<position>-<turn>.ckpt`, of which the greatest counts and the others go. */
export interface FolderCheckpoints {
  read(): Promise<Uint8Array | null>;
  write(position: number, bytes: Uint8Array): Promise<void>;
}

interface Name {
  readonly name: string;
  readonly position: number;
  readonly turn: number;
}

/** A share may list for a while what is gone. */
const LOOKS = 10;
const NAME = /^(\d{16})-(\d{6})\.ckpt$/;

export function createFolderCheckpoints(files: FolderFiles, directory: string): FolderCheckpoints {
  /** Greatest first. */
  async function list(): Promise<Name[]> {
    const names = (await readdir(directory).catch(unless('ENOENT'))) ?? [];
    const parsed = names.flatMap((name) => {
      const match = NAME.exec(name);
      return match === null ? [] : [{ name, position: Number(match[1]), turn: Number(match[2]) }];
    });
    return parsed.toSorted((a, b) => b.position - a.position || b.turn - a.turn);
  }

  return {
    async read() {
      // One that vanishes meanwhile was replaced by a greater one: it is there at the next look.
      for (let look = 0; look < LOOKS; look += 1) {
        const [newest] = await list();
        if (newest === undefined) return null;
        const frame = await readFrame(join(directory, newest.name), 'CKP1');
        if (frame !== null) return frame.payload;
      }
      throw new RemoteError('unreachable', `${directory} lists files that are not there: try again`);
    },
    async write(position, bytes) {
      checkCheckpoint(position, bytes);
      const [newest] = await list();
      if (newest !== undefined && newest.position > position) return;
      await files.ensure(directory);
      const frame = encodeFrame('CKP1', new Uint8Array(0), bytes);
      let turn = newest?.position === position ? newest.turn + 1 : 0;
      const path = (): string => join(directory, `${String(position).padStart(16, '0')}-${String(turn).padStart(6, '0')}.ckpt`);
      while (!(await files.publish(path(), frame))) turn += 1;
      for (const { name } of (await list()).slice(1)) await files.discard(join(directory, name));
    },
  };
}
