import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isSignedBy } from './s3-signature.ts';

/**
 * A DOUBLE of an S3 store, of our own: the little of the protocol that Satchel uses, as AWS documents it, with conditional
 * writes done properly or wrongly on request, and with everything that can go wrong on the way. Real stores are in
 * tests/services.
 */
export interface S3Double {
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of each bucket, by name. Tests may look and change. */
  readonly buckets: ReadonlyMap<string, Map<string, Uint8Array>>;
  /** `PUT a/b`, in the order in which they came. */
  readonly requests: string[];
  readonly close: () => Promise<void>;
}

export interface S3DoubleOptions {
  readonly buckets?: readonly string[];
  /**
   * What becomes of If-None-Match. `missing`: 501, as Swift. `ignored`: overwrites, as s3rver. `racy`: two at one time
   * both win.
   */
  readonly conditional?: 'honest' | 'missing' | 'ignored' | 'racy';
  /** Lets everybody in, as s3rver. */
  readonly takesAnySecret?: boolean;
  /** The secret that opens it now, where that changes. */
  readonly secret?: () => string;
  /** Refuses to delete several at once, as Swift. */
  readonly deletesOne?: boolean;
  /** What to do wrong with a request; null for nothing. */
  readonly fault?: (method: string, key: string) => Fault | null;
}

export type Fault =
  /** An error, and nothing done. */
  | '500'
  | '503-slow-down'
  /** Refuses, as one whose user was suspended. */
  | '403-suspended'
  /** Done, and answered with an error. */
  | '500-done'
  /** The connection breaks before or after it was done, or in the middle of the answer. */
  | 'drop'
  | 'drop-done'
  | 'drop-half'
  /** No answer ever. */
  | 'silence'
  | 'silence-done'
  /** The connection breaks; it is done a while later. */
  | 'drop-late'
  /** Done, and answered a byte now and a few then. */
  | 'slow'
  /** The page of some proxy or Wi-Fi, in the place of an answer: as a success, or as what is not there. */
  | 'html'
  | 'html-404';

const ACCESS_KEY = 'double';
const SECRET = 'double-secret';
const PAGE = {
  headers: { 'content-type': 'text/html; charset=utf-8' },
  body: Buffer.from('<!doctype html><title>Sign in</title><p>Sign in & go on'),
};
const LATE = 150;
/** Parts of an answer that dawdles, and the milliseconds between them. */
const PARTS = 5;
const DAWDLE = 100;

export async function startS3Double(options: S3DoubleOptions = {}): Promise<S3Double> {
  const buckets = new Map((options.buckets ?? ['bucket']).map((name) => [name, new Map<string, Uint8Array>()]));
  const requests: string[] = [];
  const late = new Set<NodeJS.Timeout>();

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const url = new URL(request.url ?? '/', 'http://double');
    const [, bucketName = '', ...rest] = url.pathname.split('/');
    const key = decodeURIComponent(rest.join('/'));
    const method = request.method ?? '';
    requests.push(`${method} ${key}`);
    const fault = options.fault?.(method, key) ?? null;
    const bucket = buckets.get(bucketName);
    const isKnown = options.takesAnySecret === true || isSignedBy(request, body, ACCESS_KEY, options.secret?.() ?? SECRET);

    const act = async (): Promise<Answer> => {
      if (!isKnown) return failure(403, 'SignatureDoesNotMatch');
      if (bucket === undefined) return failure(404, 'NoSuchBucket');
      if (method === 'GET' && key === '') return list(bucketName, bucket, url.searchParams);
      if (method === 'POST' && url.searchParams.has('delete')) {
        return options.deletesOne === true ? failure(400, 'InvalidRequest') : removeMany(bucket, body.toString());
      }
      if (method === 'PUT') return put(bucket, key, body, request.headers['if-none-match'], options.conditional ?? 'honest');
      if (method === 'GET' || method === 'HEAD') return get(bucket, key, request.headers.range);
      if (method === 'DELETE') {
        bucket.delete(key);
        return { status: 204 };
      }
      return failure(405, 'MethodNotAllowed');
    };

    switch (fault) {
      case null:
        return send(response, await act());
      case '500':
        return send(response, failure(500, 'InternalError'));
      case '403-suspended':
        return send(response, failure(403, 'UserSuspended'));
      case '503-slow-down':
        return send(response, failure(503, 'SlowDown'));
      case 'html':
      case 'html-404':
        return send(response, { ...PAGE, status: fault === 'html' ? 200 : 404 });
      case '500-done':
        await act();
        return send(response, failure(500, 'InternalError'));
      case 'drop-done':
        await act();
        return void request.socket.destroy();
      case 'drop-half': {
        const { status, headers, body: whole = Buffer.of() } = await act();
        response.writeHead(status, { ...headers, 'content-length': whole.length });
        response.write(whole.subarray(0, whole.length / 2), () => request.socket.destroy());
        return;
      }
      case 'slow': {
        const { status, headers, body: whole = Buffer.of() } = await act();
        response.writeHead(status, { ...headers, ...(whole.length > 0 ? { 'content-length': whole.length } : {}) });
        for (let part = 0; part < PARTS && method !== 'HEAD'; part++) {
          response.write(whole.subarray((part * whole.length) / PARTS, ((part + 1) * whole.length) / PARTS));
          await new Promise((resolve) => setTimeout(resolve, DAWDLE));
        }
        return void response.end();
      }
      case 'drop-late': {
        const timer = setTimeout(() => void act(), LATE);
        late.add(timer);
        return void request.socket.destroy();
      }
      case 'silence-done':
        return void (await act());
      case 'drop':
        return void request.socket.destroy();
      case 'silence':
        return;
    }
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => request.socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    accessKeyId: ACCESS_KEY,
    secretAccessKey: SECRET,
    buckets,
    requests,
    close() {
      for (const timer of late) clearTimeout(timer);
      server.closeAllConnections();
      return new Promise((resolve) => void server.close(() => resolve()));
    },
  };
}

interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: Buffer;
}

type Bucket = Map<string, Uint8Array>;

function send(response: ServerResponse, { status, headers = {}, body = Buffer.of() }: Answer): void {
  response.writeHead(status, { 'content-length': body.length, ...headers });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

function failure(status: number, code: string): Answer {
  return {
    status,
    headers: { 'content-type': 'application/xml' },
    body: xml(`<Error><Code>${code}</Code><Message>${code}</Message></Error>`),
  };
}

function xml(text: string): Buffer {
  return Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>${text}`);
}

async function put(bucket: Bucket, key: string, body: Buffer, ifNoneMatch: string | undefined, how: string): Promise<Answer> {
  if (ifNoneMatch !== undefined && how === 'missing') return failure(501, 'NotImplemented');
  const mustBeNew = ifNoneMatch === '*' && how !== 'ignored';
  if (mustBeNew && bucket.has(key)) return failure(412, 'PreconditionFailed');
  if (how === 'racy') await new Promise((resolve) => setTimeout(resolve, 5));
  bucket.set(key, body);
  return { status: 200, headers: { etag: etagOf(body) } };
}

function get(bucket: Bucket, key: string, range: string | undefined): Answer {
  const bytes = bucket.get(key);
  if (bytes === undefined) return failure(404, 'NoSuchKey');
  const headers = { etag: etagOf(bytes) };
  if (range === undefined) return { status: 200, headers: { ...headers, 'content-length': `${bytes.length}` }, body: Buffer.from(bytes) };
  const [, from = '0', to = '0'] = /^bytes=(\d+)-(\d+)$/.exec(range) ?? [];
  if (Number(from) >= bytes.length) return failure(416, 'InvalidRange');
  return { status: 206, headers, body: Buffer.from(bytes.subarray(Number(from), Number(to) + 1)) };
}

function list(name: string, bucket: Bucket, query: URLSearchParams): Answer {
  const prefix = query.get('prefix') ?? '';
  const after = query.get('continuation-token') ?? query.get('start-after') ?? '';
  const limit = Math.min(Number(query.get('max-keys') ?? 1000), 1000);
  const keys = [...bucket.keys()].filter((key) => key.startsWith(prefix) && key > after).toSorted();
  const page = keys.slice(0, limit);
  const isTruncated = keys.length > limit;
  const contents = page.map((key) => `<Contents><Key>${key}</Key><Size>${bucket.get(key)?.length ?? 0}</Size></Contents>`);
  const next = isTruncated ? `<NextContinuationToken>${page.at(-1) ?? ''}</NextContinuationToken>` : '';
  return {
    status: 200,
    headers: { 'content-type': 'application/xml' },
    body: xml(
      `<ListBucketResult><Name>${name}</Name><Prefix>${prefix}</Prefix><KeyCount>${page.length}</KeyCount><MaxKeys>${limit}</MaxKeys>` +
        `<IsTruncated>${String(isTruncated)}</IsTruncated>${next}${contents.join('')}</ListBucketResult>`,
    ),
  };
}

function removeMany(bucket: Bucket, text: string): Answer {
  for (const [, key = ''] of text.matchAll(/<Key>([^<]*)<\/Key>/g)) bucket.delete(key);
  return { status: 200, headers: { 'content-type': 'application/xml' }, body: xml('<DeleteResult></DeleteResult>') };
}

function etagOf(bytes: Uint8Array): string {
  return `"${createHash('md5').update(bytes).digest('hex')}"`;
}
