import { encodeCanonical } from '../../core/canonical.ts';
import { Malformed, parseCanonical, readBytes, readCount, readFields, readText } from '../../core/canonical-fields.ts';
import { encodeFrame, parseFrame } from '../frame-bytes.ts';
import { REMOTE_LIMITS } from '../limits.ts';

/** One entry of a mailbox. */
export interface Letter {
  /** `null`: the mailbox was cleared here. */
  readonly slot: string | null;
  /** Milliseconds since 1970; of a clearing, until when any letter before it is kept. */
  readonly expires: number;
  readonly bytes: Uint8Array;
}

const NONCE = 16;

export function encodeLetter({ slot, expires, bytes }: Letter, nonce: Uint8Array): Buffer {
  return encodeFrame('LTR1', encodeCanonical([slot, expires, nonce]), bytes);
}

/** Foreign bytes → letter, or what is wrong. Never throws. */
export function parseLetter(bytes: Uint8Array): Letter | string {
  const frame = parseFrame(bytes, true, 'LTR1', REMOTE_LIMITS.letterBytes);
  if (typeof frame === 'string') return frame;
  const parsed = parseCanonical('letter', frame.head, 512, (value) => {
    const [slot, expires, nonce] = readFields(value, 3);
    if (readBytes(nonce).length !== NONCE) throw new Malformed('no nonce');
    return { slot: slot === null ? null : readText(slot, 64), expires: readCount(expires) };
  });
  return parsed.ok ? { ...parsed.value, bytes: frame.payload ?? new Uint8Array(0) } : parsed.error;
}
