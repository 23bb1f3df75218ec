import type { S3Client } from '@aws-sdk/client-s3';
import type { Blobs } from '../../core/ports/blobs.ts';
import { RemoteError } from '../../core/ports/remote.ts';
import type { S3Address } from '../address.ts';
import { checkBlob, checkName, checkNames, checkPart, checkQuery } from '../checks.ts';
import { createOnce } from '../create-once.ts';
import type { S3Credentials } from '../credentials.ts';
import type { DriverDeps } from '../driver-deps.ts';
import { createRetries } from '../retries.ts';
import { heedOnlyS3 } from './heed-only-s3.ts';
import { judgeS3Error, statusOf } from './s3-error.ts';

const CONNECT_TIME = 10_000;
/** Requests that answer without a body of ours or theirs. */
const NO_BYTES = 0;

interface Reading {
  readonly signal: AbortSignal;
  /** Told how much comes, as soon as the store says so. */
  readonly bring?: (bytes: number) => void;
  readonly range?: string;
}

/** A bucket behind S3's protocol. Loads the SDK, which takes 0.1 s and 20 MB, once it is called. */
export async function openS3(address: S3Address, credentials: S3Credentials, deps: DriverDeps): Promise<Blobs> {
  const sdk = await import('@aws-sdk/client-s3');
  const { bucket: Bucket, prefix } = address;
  const client = withoutWarnings(
    () =>
      new sdk.S3Client({
        endpoint: address.endpoint,
        region: address.region,
        forcePathStyle: address.isPathStyle,
        credentials: { ...credentials }, // the SDK writes into it
        maxAttempts: 1, // we know better what may be repeated
        retryMode: 'standard',
        // Newer checksums are unknown to many servers. SHA-256 of what is sent is in the signature, and readers check.
        requestChecksumCalculation: 'WHEN_REQUIRED',
        responseChecksumValidation: 'WHEN_REQUIRED',
        useDualstackEndpoint: false,
        useFipsEndpoint: false,
        requestHandler: { connectionTimeout: CONNECT_TIME, httpAgent: { maxSockets: 64 }, httpsAgent: { maxSockets: 64 } },
      }),
  );
  heedOnlyS3(client);
  const judge = (error: unknown) => judgeS3Error(address.text, error, deps.clock.now());
  const retries = createRetries({ ...deps, judge, ...(deps.retries === undefined ? {} : { options: deps.retries }) });
  /** Some servers refuse to delete several at once. */
  let deletesMany = true;

  async function readNow(name: string, { signal, bring, range }: Reading): Promise<Uint8Array | null> {
    const command = new sdk.GetObjectCommand({ Bucket, Key: prefix + name, ...(range === undefined ? {} : { Range: range }) });
    try {
      const { Body, ContentLength } = await client.send(command, { abortSignal: signal });
      bring?.(ContentLength ?? 0);
      const bytes = Body === undefined ? new Uint8Array(0) : await Body.transformToByteArray();
      if (ContentLength !== undefined && ContentLength !== bytes.length) throw new RemoteError('unreachable', 'the answer ended too early');
      return bytes;
    } catch (error) {
      if (isAbsent(error)) return null;
      if (statusOf(error) === 416) return new Uint8Array(0); // begins behind the end
      throw error;
    }
  }

  async function sizeNow(name: string, signal: AbortSignal): Promise<number | null> {
    try {
      const { ContentLength = 0 } = await client.send(new sdk.HeadObjectCommand({ Bucket, Key: prefix + name }), { abortSignal: signal });
      return ContentLength;
    } catch (error) {
      if (isAbsent(error)) return null;
      throw error;
    }
  }

  async function removeOne(name: string, signal: AbortSignal): Promise<void> {
    try {
      await client.send(new sdk.DeleteObjectCommand({ Bucket, Key: prefix + name }), { abortSignal: signal });
    } catch (error) {
      if (!isAbsent(error)) throw error;
    }
  }

  /** False where the server does not know how. */
  async function removeMany(names: readonly string[], signal: AbortSignal): Promise<boolean> {
    const Objects = names.map((name) => ({ Key: prefix + name }));
    try {
      const { Errors = [] } = await client.send(new sdk.DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }), {
        abortSignal: signal,
      });
      const [first] = Errors.filter(({ Code }) => Code !== 'NoSuchKey');
      if (first === undefined) return true;
      const type = first.Code === 'AccessDenied' ? 'unauthorized' : 'unreachable';
      throw new RemoteError(type, `${address.text}: ${first.Message ?? first.Code ?? 'a blob was not removed'}`);
    } catch (error) {
      if ([400, 405, 411, 501].includes(statusOf(error) ?? 0)) return false;
      throw error;
    }
  }

  return {
    address: address.text,
    async create(name, bytes) {
      checkBlob(name, bytes);
      const put = async (signal: AbortSignal): Promise<'created' | 'exists'> => {
        try {
          await client.send(new sdk.PutObjectCommand({ Bucket, Key: prefix + name, Body: bytes, IfNoneMatch: '*' }), {
            abortSignal: signal,
          });
          return 'created';
        } catch (error) {
          if (statusOf(error) === 412) return 'exists';
          if (statusOf(error) === 501) throw new RemoteError('unfit', `${address.text}: this store has no conditional writes (501)`);
          throw error;
        }
      };
      return createOnce(retries, bytes, { put, read: (signal) => readNow(name, { signal }), judge });
    },
    async write(name, bytes) {
      checkBlob(name, bytes);
      await retries.run(bytes.length, (signal) =>
        client.send(new sdk.PutObjectCommand({ Bucket, Key: prefix + name, Body: bytes }), { abortSignal: signal }),
      );
    },
    async read(name, part) {
      checkName(name);
      if (part === undefined) return retries.run(NO_BYTES, (signal, bring) => readNow(name, { signal, bring }));
      checkPart(part);
      const { offset, length } = part;
      if (length > 0) return retries.run(length, (signal) => readNow(name, { signal, range: `bytes=${offset}-${offset + length - 1}` }));
      return (await retries.run(NO_BYTES, (signal) => sizeNow(name, signal))) === null ? null : new Uint8Array(0);
    },
    async size(name) {
      checkName(name);
      return retries.run(NO_BYTES, (signal) => sizeNow(name, signal));
    },
    async list(of, query) {
      checkQuery(of, query);
      const start = query.after === undefined ? {} : { StartAfter: prefix + query.after };
      for (let token: { ContinuationToken?: string | undefined } = {}; ;) {
        const input = { Bucket, Prefix: prefix + of, MaxKeys: query.limit, ...start, ...token };
        const page = await retries.run(NO_BYTES, (signal) => client.send(new sdk.ListObjectsV2Command(input), { abortSignal: signal }));
        const blobs = (page.Contents ?? []).map(({ Key = '', Size = 0 }) => ({ name: Key.slice(prefix.length), size: Size }));
        const isLast = page.IsTruncated !== true || page.NextContinuationToken === undefined;
        if (blobs.length > 0 || isLast) return { blobs, isLast };
        token = { ContinuationToken: page.NextContinuationToken };
      }
    },
    async remove(names) {
      checkNames(names);
      const [first] = names;
      if (first === undefined) return;
      if (names.length > 1 && deletesMany) {
        deletesMany = await retries.run(NO_BYTES, (signal) => removeMany(names, signal));
        if (deletesMany) return;
      }
      await Promise.all(names.map((name) => retries.run(NO_BYTES, (signal) => removeOne(name, signal))));
    },
    async close() {
      retries.close();
      client.destroy();
    },
  };
}

/** A key that is not there; not a bucket that is not there. */
function isAbsent(error: unknown): boolean {
  return statusOf(error) === 404 && (error as Error).name !== 'NoSuchBucket';
}

/** The SDK tells users of Node 20 on stderr that later releases of it will not run there: the release is our choice, not theirs. */
function withoutWarnings(make: () => S3Client): S3Client {
  const own = Object.getOwnPropertyDescriptor(process, 'emitWarning') ?? {};
  Object.defineProperty(process, 'emitWarning', { ...own, value: () => undefined });
  try {
    return make();
  } finally {
    Object.defineProperty(process, 'emitWarning', own);
  }
}
