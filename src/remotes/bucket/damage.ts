import { RemoteError } from '../../core/ports/remote.ts';

/** A blob that cannot be right. It is named, and nothing behind it is followed. */
export function damaged(name: string, how: string): RemoteError {
  return new RemoteError('protocol', `the blob ${name} of the bucket is damaged (${how}): restore it, or move the space to another remote`);
}
