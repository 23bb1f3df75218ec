import { z } from 'zod';

/**
 * What is inside a backup's age encryption (docs/formats-backup.md): "satchel backup 1\n", then entries, each a
 * 4-byte big-endian length, a JSON header of that length, and as many bytes as the header's `size` says. The last
 * entry is `end`; age itself notices any truncation.
 */
export const BACKUP_MAGIC = Buffer.from('satchel backup 1\n');

export type BackupEntry =
  | {
      readonly type: 'manifest';
      readonly size: 0;
      /** ISO 8601. */
      readonly made: string;
      readonly version: string;
      /** The keys of the machine that made it: used again only where its store is gone for good. */
      readonly machine: { readonly id: string; readonly file: string };
      /** Where its store was. */
      readonly home: string;
      readonly host: string;
    }
  | { readonly type: 'file'; readonly name: string; readonly size: number }
  | { readonly type: 'object'; readonly space: string; readonly id: string; readonly size: number }
  | { readonly type: 'end'; readonly size: 0; readonly objects: number };

const HEADER_LIMIT = 64 * 1024;

export function encodeEntryHeader(entry: BackupEntry): Buffer {
  const json = Buffer.from(JSON.stringify(entry));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(json.length);
  return Buffer.concat([length, json]);
}

const size = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const text = z.string().max(32_768);
const entrySchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('manifest'),
    size: z.literal(0),
    made: text,
    version: text,
    machine: z.object({ id: text, file: text }),
    home: text,
    host: text,
  }),
  z.object({ type: z.literal('file'), name: text, size }),
  z.object({ type: z.literal('object'), space: text, id: text, size }),
  z.object({ type: z.literal('end'), size: z.literal(0), objects: size }),
]) satisfies z.ZodType<BackupEntry>;

/** Foreign text → entry. Throws {@link BackupUnreadable}. */
function parseEntry(json: string): BackupEntry {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new BackupUnreadable('an entry of the backup is malformed');
  }
  const entry = entrySchema.safeParse(value);
  if (!entry.success) throw new BackupUnreadable('an entry of the backup is malformed, or of an unknown type');
  return entry.data;
}

/** The file is no backup of this format, or was damaged. */
export class BackupUnreadable extends Error {
  override readonly name = 'BackupUnreadable';
}

/** Reads entries from decrypted bytes as they come. The payload of each must be consumed before the next is asked for. */
export class BackupReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  async begin(): Promise<void> {
    if (!(await this.#take(BACKUP_MAGIC.length)).equals(BACKUP_MAGIC))
      throw new BackupUnreadable('this is no backup of Satchel’s, or one of a newer version');
  }

  async next(): Promise<BackupEntry> {
    const length = (await this.#take(4)).readUInt32BE(0);
    if (length > HEADER_LIMIT) throw new BackupUnreadable('an entry of the backup is malformed');
    return parseEntry((await this.#take(length)).toString('utf8'));
  }

  /** A payload in parts. */
  async *payload(size: number): AsyncGenerator<Buffer> {
    for (let left = size; left > 0;) {
      if (this.#rest.length === 0) await this.#more();
      const part = this.#rest.subarray(0, Math.min(left, this.#rest.length));
      this.#rest = this.#rest.subarray(part.length);
      left -= part.length;
      yield part;
    }
  }

  /** A payload that fits in memory. */
  async whole(size: number): Promise<Buffer> {
    return this.#take(size);
  }

  async #take(length: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for await (const part of this.payload(length)) parts.push(part);
    return Buffer.concat(parts);
  }

  async #more(): Promise<void> {
    const next = await this.#source.next();
    if (next.done === true) throw new BackupUnreadable('the backup ends too early');
    this.#rest = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
  }
}
