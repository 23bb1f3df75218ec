import { rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SpaceId } from '../../../src/core/ids.ts';
import { run } from '../measured-process.ts';
import type { HubPeer } from './hub-peer.ts';
import type { Joined, Joining } from './joining-process.ts';

export type LateJoin = Readonly<Record<Joining['what'], Joined>>;

/** A machine that replays a log from its beginning, the checkpoint that it writes, and another one that begins with that and fetches the rest behind it. */
export async function joinLate(
  hub: HubPeer,
  space: SpaceId,
  ownerSeed: string,
  folder: string,
  tell: (line: string) => void,
): Promise<LateJoin> {
  const owner = { name: 'owner', seed: ownerSeed, file: path.join(folder, 'owner.db') };
  const late = { name: 'late', seed: `${ownerSeed}-late`, file: path.join(folder, 'late.db') };
  const does = async (what: Joining['what'], machine: Joining['machine']): Promise<Joined> => {
    const joining: Joining = { what, url: hub.url, key: hub.key, space, machine, other: late };
    const script = fileURLToPath(new URL(`joining-process${path.extname(import.meta.url)}`, import.meta.url));
    const joined = JSON.parse((await run([process.execPath, script, JSON.stringify(joining)])).stdout) as Joined;
    tell(`${what}: ${JSON.stringify(joined)}`);
    return joined;
  };
  try {
    return {
      follow: await does('follow', owner),
      checkpoint: await does('checkpoint', owner),
      join: await does('join', late),
      history: await does('history', late),
    };
  } finally {
    for (const { file } of [owner, late]) for (const suffix of ['', '-wal', '-shm']) await rm(file + suffix, { force: true });
  }
}
