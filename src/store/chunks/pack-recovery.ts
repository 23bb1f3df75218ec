import { mkdir, open, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { decodePackHeader, PACK_HEADER, packName, packNumber } from './pack-format.ts';
import type { IndexedPack, PackIndex } from './pack-index.ts';
import { scanPack } from './pack-scan.ts';
import { flushFolder } from './pack-writer.ts';

export interface Recovered {
  /** The newest pack, where it may be gone on with. */
  readonly last: IndexedPack | null;
  /** The number of the pack to begin next. */
  readonly next: number;
}

/**
 * Brings the index in line with a space's packs: reads what lies behind the indexed length, reads again what is not the
 * pack that was indexed, forgets packs that are not there. Usually one `stat` a pack. Cuts a torn tail off the newest.
 */
export async function recoverPacks(folder: string, index: PackIndex, space: number): Promise<Recovered> {
  await makeFolder(folder);
  const numbers = (await readdir(folder))
    .map(packNumber)
    .filter((number) => number !== null)
    .toSorted((a, b) => a - b);
  const known = new Map(index.packs(space).map((pack) => [pack.number, pack]));
  for (const number of known.keys()) if (!numbers.includes(number)) index.removePack(space, number);
  let last: IndexedPack | null = null;
  for (const number of numbers) {
    const isNewest = number === numbers.at(-1);
    const pack = await recoverPack(join(folder, packName(number)), number, known.get(number), isNewest, index, space);
    if (isNewest) last = pack;
  }
  return { last, next: (numbers.at(-1) ?? 0) + 1 };
}

/** `null` for a pack whose header is damaged: its entries are indexed, but nothing is added to it. */
async function recoverPack(
  path: string,
  number: number,
  known: IndexedPack | undefined,
  isNewest: boolean,
  index: PackIndex,
  space: number,
): Promise<IndexedPack | null> {
  const handle = await open(path, 'r+');
  try {
    const { size } = await handle.stat();
    const head = Buffer.alloc(Math.min(PACK_HEADER, size));
    await handle.read(head, 0, head.length, 0);
    const ident = decodePackHeader(head, path);
    if (known !== undefined && known.ident === (ident ?? '') && known.length === size) return ident === null ? null : known;

    const same = known !== undefined && known.ident === (ident ?? '') && known.length < size;
    if (known !== undefined && !same) index.removePack(space, number);
    const from = same ? known.length : Math.min(PACK_HEADER, size);
    const bytes = Buffer.alloc(size - from);
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, from);
    const { entries, end } = scanPack(bytes.subarray(0, bytesRead), number, from);
    const cut = isNewest && ident !== null;
    if (cut && end < size) await handle.truncate(end);
    await handle.datasync(); // what a killed process wrote may not be flushed yet, and the index will vouch for it
    const pack = { number, ident: ident ?? '', length: cut ? end : size };
    index.apply(space, pack, entries);
    return ident === null ? null : pack;
  } finally {
    await handle.close();
  }
}

async function makeFolder(folder: string): Promise<void> {
  const made = await mkdir(folder, { recursive: true, mode: 0o700 });
  if (made !== undefined) await flushFolder(dirname(folder));
}
