import type { SealedObject } from '../../core/crypto/object-cipher.ts';
import type { Pack } from './index-entry.ts';
import type { PlacedObject } from './object-table.ts';

/** Objects behind one another, as they lie in a blob. */
export interface BuiltPack {
  readonly objects: readonly PlacedObject[];
  readonly bytes: Uint8Array;
}

/** Splits objects into packs of about `packBytes`. The bytes are copies. */
export function buildPacks(objects: readonly SealedObject[], packBytes: number): BuiltPack[] {
  const packs: BuiltPack[] = [];
  let group: SealedObject[] = [];
  let bytes = 0;
  const end = (): void => {
    let offset = 0;
    const placed = group.map(({ id, bytes: { length } }) => {
      offset += length;
      return { id, offset: offset - length, size: length };
    });
    packs.push({ objects: placed, bytes: Buffer.concat(group.map((each) => each.bytes)) });
    group = [];
    bytes = 0;
  };
  for (const object of objects) {
    if (group.length > 0 && bytes + object.bytes.length > packBytes) end();
    group.push(object);
    bytes += object.bytes.length;
  }
  if (group.length > 0) end();
  return packs;
}

export function packOf({ objects, bytes }: BuiltPack, name: string | null): Pack {
  return { name, size: bytes.length, objects };
}
