import { connect, createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import type { Remote } from '../../src/core/ports/remote.ts';

export interface RecordingProxy {
  readonly port: number;
  readonly sent: Buffer[];
  readonly received: Buffer[];
  close(): void;
}

/** A TCP proxy on loopback that keeps every byte of both directions. */
export async function startRecordingProxy(target: number): Promise<RecordingProxy> {
  const [sent, received]: [Buffer[], Buffer[]] = [[], []];
  const server = createServer((socket) => {
    const upstream = connect(target, '127.0.0.1');
    socket.on('data', (data: Buffer) => sent.push(data));
    upstream.on('data', (data: Buffer) => received.push(data));
    socket.pipe(upstream).pipe(socket);
    for (const end of [socket, upstream]) end.on('error', () => [socket, upstream].forEach((s) => s.destroy()));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, sent, received, close: () => server.close() };
}

/** The same remote; all that is asked and answered is kept as bytes, before any transport compresses it. */
export function recorded(remote: Remote, tape: Buffer[]): Remote {
  const keep = (value: unknown): void => {
    if (value instanceof Uint8Array) tape.push(Buffer.from(value));
    else if (typeof value === 'string') tape.push(Buffer.from(value));
    else if (value instanceof Map) [...value].flat().forEach(keep);
    else if (value instanceof Set || Array.isArray(value)) [...value].forEach(keep);
    else if (typeof value === 'object' && value !== null && !(value instanceof AbortSignal)) Object.values(value).forEach(keep);
  };
  const wrap = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(object, key, receiver) {
        const member: unknown = Reflect.get(object, key, receiver);
        if (key === 'mailboxes' && typeof member === 'object' && member !== null) return wrap(member);
        if (typeof member !== 'function') return member;
        return async (...args: unknown[]): Promise<unknown> => {
          keep(args);
          const answer: unknown = await Reflect.apply(member, object, args);
          keep(answer);
          return answer;
        };
      },
    });
  return wrap(remote);
}
