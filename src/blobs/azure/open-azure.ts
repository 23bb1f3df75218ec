import type { Blobs } from '../../core/ports/blobs.ts';
import { RemoteError } from '../../core/ports/remote.ts';
import type { AzureAddress } from '../address.ts';
import { checkBlob, checkName, checkNames, checkPart, checkQuery } from '../checks.ts';
import { createOnce } from '../create-once.ts';
import type { AzureCredentials } from '../credentials.ts';
import type { DriverDeps } from '../driver-deps.ts';
import { createRetries } from '../retries.ts';
import { heedOnlyAzure } from './heed-only-azure.ts';
import { codeOf, isAbsent, judgeAzureError, statusOf } from './azure-error.ts';

/** Requests that answer without a body of ours or theirs. */
const NO_BYTES = 0;
/** Places in listings that are remembered. */
const MARKERS = 64;

interface Reading {
  readonly signal: AbortSignal;
  /** Told how much comes, as soon as the store says so. */
  readonly bring?: (bytes: number) => void;
  readonly part?: { readonly offset: number; readonly length: number };
}

/** A container of Azure Blob Storage. Loads the SDK once it is called. */
export async function openAzure(address: AzureAddress, credentials: AzureCredentials, deps: DriverDeps): Promise<Blobs> {
  const sdk = await import('@azure/storage-blob');
  const pipeline = sdk.newPipeline(
    credentials.type === 'key' ? new sdk.StorageSharedKeyCredential(address.account, credentials.key) : new sdk.AnonymousCredential(),
    { retryOptions: { maxTries: 1 } }, // we know better what may be repeated
  );
  pipeline.factories.unshift(heedOnlyAzure);
  const query = credentials.type === 'sas' ? `?${credentials.sas.replace(/^\?/, '')}` : '';
  const container = new sdk.ContainerClient(`${address.endpoint}/${address.container}${query}`, pipeline);
  const { prefix } = address;
  const judge = (error: unknown) => judgeAzureError(address.text, error, deps.clock.now());
  const retries = createRetries({ ...deps, judge, ...(deps.retries === undefined ? {} : { options: deps.retries }) });
  /** Azure goes on by a marker, not behind a name: prefix and last name of a page → marker. */
  const markers = new Map<string, string>();

  const blobOf = (name: string) => container.getBlockBlobClient(prefix + name);

  async function readNow(name: string, { signal, bring, part }: Reading): Promise<Uint8Array | null> {
    try {
      const answer = await blobOf(name).download(part?.offset, part?.length, { abortSignal: signal, maxRetryRequests: 0 });
      bring?.(answer.contentLength ?? 0);
      const chunks: Buffer[] = [];
      for await (const chunk of answer.readableStreamBody ?? []) chunks.push(Buffer.from(chunk));
      const bytes = Buffer.concat(chunks);
      if (answer.contentLength !== undefined && answer.contentLength !== bytes.length) {
        throw new RemoteError('unreachable', `${address.text}: the answer ended too early`);
      }
      return bytes;
    } catch (error) {
      if (isAbsent(error)) return null;
      if (statusOf(error) === 416) return new Uint8Array(0); // begins behind the end
      throw error;
    }
  }

  async function sizeNow(name: string, signal: AbortSignal): Promise<number | null> {
    try {
      return (await blobOf(name).getProperties({ abortSignal: signal })).contentLength ?? 0;
    } catch (error) {
      if (isAbsent(error)) return null;
      throw error;
    }
  }

  /** One page of Azure's, which may be empty. */
  async function pageOf(of: string, marker: string, limit: number, signal: AbortSignal) {
    const pages = container
      .listBlobsFlat({ prefix: prefix + of, abortSignal: signal })
      .byPage({ maxPageSize: limit, ...(marker === '' ? {} : { continuationToken: marker }) });
    const { value } = (await pages.next()) as IteratorResult<ListPage, undefined>;
    const items = value?.segment.blobItems ?? [];
    const blobs = items.map((item) => ({ name: item.name.slice(prefix.length), size: item.properties.contentLength ?? 0 }));
    return { blobs, marker: value?.continuationToken ?? '' };
  }

  return {
    address: address.text,
    async create(name, bytes) {
      checkBlob(name, bytes);
      const put = async (signal: AbortSignal): Promise<'created' | 'exists'> => {
        try {
          await blobOf(name).upload(bufferOf(bytes), bytes.length, { conditions: { ifNoneMatch: '*' }, abortSignal: signal });
          return 'created';
        } catch (error) {
          if (codeOf(error) === 'BlobAlreadyExists' || statusOf(error) === 412) return 'exists';
          throw error;
        }
      };
      return createOnce(retries, bytes, { put, read: (signal) => readNow(name, { signal }), judge });
    },
    async write(name, bytes) {
      checkBlob(name, bytes);
      await retries.run(bytes.length, (signal) => blobOf(name).upload(bufferOf(bytes), bytes.length, { abortSignal: signal }));
    },
    async read(name, part) {
      checkName(name);
      if (part === undefined) return retries.run(NO_BYTES, (signal, bring) => readNow(name, { signal, bring }));
      checkPart(part);
      if (part.length > 0) return retries.run(part.length, (signal) => readNow(name, { signal, part }));
      return (await retries.run(NO_BYTES, (signal) => sizeNow(name, signal))) === null ? null : new Uint8Array(0);
    },
    async size(name) {
      checkName(name);
      return retries.run(NO_BYTES, (signal) => sizeNow(name, signal));
    },
    async list(of, { after, limit }) {
      checkQuery(of, { limit, ...(after === undefined ? {} : { after }) });
      let marker = after === undefined ? '' : (markers.get(`${of}\n${after}`) ?? '');
      for (;;) {
        const page = await retries.run(NO_BYTES, (signal) => pageOf(of, marker, limit, signal));
        const blobs = page.blobs.filter(({ name }) => after === undefined || name > after);
        const isLast = page.marker === '';
        marker = page.marker;
        if (blobs.length === 0 && !isLast) continue;
        if (markers.size === MARKERS) markers.clear();
        if (!isLast) markers.set(`${of}\n${blobs.at(-1)?.name ?? ''}`, marker);
        return { blobs, isLast };
      }
    },
    async remove(names) {
      checkNames(names);
      await Promise.all(
        names.map((name) =>
          retries.run(NO_BYTES, (signal) => blobOf(name).deleteIfExists({ abortSignal: signal, deleteSnapshots: 'include' })),
        ),
      );
    },
    async close() {
      retries.close();
      markers.clear();
    },
  };
}

interface ListPage {
  readonly continuationToken?: string;
  readonly segment: { readonly blobItems: readonly { readonly name: string; readonly properties: { readonly contentLength?: number } }[] };
}

/** Not a copy. */
function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
