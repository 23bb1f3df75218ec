import { PlaceDamaged } from '../../core/ports/remote.ts';

/** A blob that cannot be right. It is named, and nothing behind it is followed. */
export function damaged(name: string, how: string): PlaceDamaged {
  return new PlaceDamaged(`the blob ${name} of the bucket is damaged (${how})`);
}
