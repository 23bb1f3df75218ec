/** Bytes of one blob, at most: one request, which a retry sends again. */
export const BLOB_BYTES = 64 * 1024 * 1024;
export const NAMES_PER_CALL = 1_000;
const NAME_LENGTH = 900;

const PART = '[A-Za-z0-9._-]*[A-Za-z0-9_-]';
const NAME = new RegExp(`^${PART}(?:/${PART})*$`);
const PREFIX = /^[A-Za-z0-9._/-]*$/;

/** Throws RangeError for what the port does not allow as a name. */
export function checkName(name: string): void {
  if (name.length > NAME_LENGTH || !NAME.test(name)) throw new RangeError(`no name for a blob: ${JSON.stringify(name.slice(0, 100))}`);
}

/** Throws RangeError for a blob that is too large. */
export function checkBlob(name: string, bytes: Uint8Array): void {
  checkName(name);
  if (bytes.length > BLOB_BYTES) throw new RangeError(`blob ${name} is larger than ${BLOB_BYTES} bytes`);
}

/** Throws RangeError for what no list can be asked for. */
export function checkQuery(prefix: string, { after, limit }: { readonly after?: string; readonly limit: number }): void {
  if (prefix.length > NAME_LENGTH || !PREFIX.test(prefix)) throw new RangeError('no prefix of names of blobs');
  if (after !== undefined) checkName(after);
  if (!Number.isInteger(limit) || limit < 1 || limit > NAMES_PER_CALL) throw new RangeError(`a page has 1 to ${NAMES_PER_CALL} names`);
}

/** Throws RangeError for a part that is none. */
export function checkPart({ offset, length }: { readonly offset: number; readonly length: number }): void {
  if (!Number.isSafeInteger(offset) || offset < 0 || !Number.isSafeInteger(length) || length < 0) throw new RangeError('no part of a blob');
}

/** Throws RangeError for too many names, or one that is none. */
export function checkNames(names: readonly string[]): void {
  if (names.length > NAMES_PER_CALL) throw new RangeError(`${NAMES_PER_CALL} blobs are removed at a time, at most`);
  names.forEach(checkName);
}
