import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { foreign, type Oid } from './git-object.ts';
import { kill, type GitProgram } from './git-program.ts';

/** Reads objects of a cache through one `git cat-file` that stays for a while, so that a look-up costs no process. */
export interface ObjectReader {
  /** What it holds; `null` where it is not here. Throws `protocol` where that has more than `limit` bytes, before they are read. */
  read(oid: Oid, limit: number): Promise<Uint8Array | null>;
  /** Those that are here. */
  present(oids: readonly Oid[]): Promise<Set<Oid>>;
  /** The next look-up starts anew. */
  close(): Promise<void>;
}

interface Talk {
  readonly child: ChildProcess;
  readonly chunks: Buffer[];
  /** Bytes in `chunks`. */
  buffered: number;
  ended: string | null;
  /** Someone waits for more bytes. */
  wake: (() => void) | null;
}

const LINE_LIMIT = 256;

export function createObjectReader(git: GitProgram, cache: string): ObjectReader {
  let contents: Talk | null = null;
  let checks: Talk | null = null;
  let turn: Promise<unknown> = Promise.resolve();

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = turn.then(work, work);
    turn = result.catch(() => undefined);
    return result;
  }

  function open(mode: '--batch' | '--batch-check'): Talk {
    const child = git.start(cache, ['cat-file', mode]);
    const talk: Talk = { child, chunks: [], buffered: 0, ended: null, wake: null };
    const end = (why: string): void => {
      talk.ended ??= why;
      talk.wake?.();
    };
    child.stdout?.on('data', (chunk: Buffer) => {
      talk.chunks.push(chunk);
      talk.buffered += chunk.length;
      talk.wake?.();
    });
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-2_000)));
    child.on('error', (error) => end(String(error)));
    child.on('close', () => end(said === '' ? 'it ended' : said));
    child.stdin?.on('error', () => end('it takes no more questions'));
    hold(child, false);
    return talk;
  }

  async function shut(talk: Talk | null): Promise<void> {
    if (talk === null || talk.ended !== null) return;
    hold(talk.child, true);
    const closed = once(talk.child, 'close');
    kill(talk.child);
    await closed;
  }

  async function broken(): Promise<void> {
    const both = [contents, checks];
    [contents, checks] = [null, null];
    for (const talk of both) await shut(talk);
  }

  async function asked<T>(talk: Talk, work: () => Promise<T>): Promise<T> {
    hold(talk.child, true);
    try {
      return await work();
    } finally {
      hold(talk.child, false);
    }
  }

  async function guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      await broken(); // what it would say next belongs to the question before
      throw error;
    }
  }

  return {
    read: (oid, limit) =>
      inTurn(() =>
        guarded(async () => {
          if (contents?.ended !== null) contents = open('--batch');
          const talk = contents;
          return asked(talk, async () => {
            talk.child.stdin?.write(`${oid}\n`);
            const [, type, size] = (await line(talk)).split(' ');
            if (size === undefined || type === undefined) return null;
            const length = Number(size);
            if (!(length <= limit)) throw foreign(`${oid} has ${size} bytes, where at most ${limit} belong`);
            const bytes = await take(talk, length + 1);
            return bytes.subarray(0, length);
          });
        }),
      ),
    present: (oids) =>
      inTurn(() =>
        guarded(async () => {
          const found = new Set<Oid>();
          if (oids.length === 0) return found;
          if (checks?.ended !== null) checks = open('--batch-check');
          const talk = checks;
          return asked(talk, async () => {
            talk.child.stdin?.write(oids.map((oid) => `${oid}\n`).join(''));
            for (const oid of oids) if (!(await line(talk)).endsWith(' missing')) found.add(oid);
            return found;
          });
        }),
      ),
    close: () => inTurn(broken),
  };
}

/** While nothing is asked of it, it keeps no program from ending. */
function hold(child: ChildProcess, on: boolean): void {
  if (on) child.ref();
  else child.unref();
  // Pipes of a child are sockets.
  for (const stream of [child.stdin, child.stdout, child.stderr] as (Socket | null)[]) {
    if (on) stream?.ref();
    else stream?.unref();
  }
}

async function more(talk: Talk): Promise<void> {
  if (talk.ended !== null) throw new CacheBroken(talk.ended);
  await new Promise<void>((resolve) => (talk.wake = resolve));
  talk.wake = null;
}

async function take(talk: Talk, length: number): Promise<Buffer> {
  while (talk.buffered < length) await more(talk);
  const all = talk.chunks.length === 1 ? (talk.chunks[0] as Buffer) : Buffer.concat(talk.chunks);
  const rest = all.subarray(length);
  talk.chunks.length = 0;
  if (rest.length > 0) talk.chunks.push(rest);
  talk.buffered = rest.length;
  return all.subarray(0, length);
}

async function line(talk: Talk): Promise<string> {
  for (;;) {
    const all = Buffer.concat(talk.chunks);
    const end = all.indexOf(10);
    if (end >= 0) {
      const text = all.toString('latin1', 0, end);
      await take(talk, end + 1);
      return text;
    }
    if (talk.buffered > LINE_LIMIT) throw new CacheBroken('git cat-file does not speak as expected');
    await more(talk);
  }
}

/** The cache here does not answer: it is thrown away and made anew. */
export class CacheBroken extends Error {
  override readonly name = 'CacheBroken';
}
