import { checkCheckpoint } from '../checks.ts';
import { REMOTE_LIMITS } from '../limits.ts';
import type { BranchWriter, Decision, Snapshot } from './branch-writer.ts';
import type { GitBranch } from './git-branch.ts';
import { foreign, type Oid } from './git-object.ts';

/** The checkpoint of one space: `checkpoint/<position>-<bytes>`, of which there is one. */
export interface GitCheckpoints {
  readCheckpoint(): Promise<Uint8Array | null>;
  writeCheckpoint(position: number, bytes: Uint8Array): Promise<void>;
}

type Changed = <T>(answer: T, snapshot: Snapshot, files: ReadonlyMap<string, Uint8Array | null>, waste: number) => Decision<T>;

const FOLDER = 'checkpoint';
const NAME = /^(\d{16})-(\d{1,9})$/;
const LOOKS = 4;

export function createGitCheckpoints(branch: GitBranch, writer: BranchWriter, changed: Changed): GitCheckpoints {
  async function find({ root }: Snapshot): Promise<{ name: string; position: number; length: number; oid: Oid } | null> {
    const [first, ...more] = await writer.trees.list(root, FOLDER);
    if (first === undefined) return null;
    const [name, { oid }] = first;
    const match = NAME.exec(name);
    if (match === null || more.length > 0) throw foreign('more than a checkpoint lies in its directory');
    return { name, position: Number(match[1]), length: Number(match[2]), oid };
  }

  return {
    async readCheckpoint() {
      // One that the host has no more was replaced by another one: it is there at the next look.
      for (let look = 0; look < LOOKS; look += 1) {
        const found = await find(await writer.fresh());
        if (found === null) return null;
        await branch.ensure([found.oid]);
        const bytes = await branch.read(found.oid, REMOTE_LIMITS.checkpointBytes);
        if (bytes !== null) return bytes;
      }
      throw foreign('the checkpoint is missing');
    },
    async writeCheckpoint(position, bytes) {
      checkCheckpoint(position, bytes);
      await writer.change(async (snapshot) => {
        const before = await find(snapshot);
        if (before !== null && before.position > position) return { type: 'done', answer: undefined };
        const files = new Map<string, Uint8Array | null>();
        if (before !== null) files.set(`${FOLDER}/${before.name}`, null);
        files.set(`${FOLDER}/${String(position).padStart(16, '0')}-${bytes.length}`, bytes);
        return changed(undefined, snapshot, files, before?.length ?? 0);
      });
    },
  };
}
