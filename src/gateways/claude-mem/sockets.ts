import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import type { Clock } from '../../core/ports/clock.ts';
import type { FeedEntry, FeedHead } from '../../core/ports/feeds.ts';
import { admit, identify, type SyncCaller } from './caller.ts';
import type { Clients } from './clients.ts';
import { advanceFrame, opFrame } from './frames.ts';
import { GATEWAY_ORIGIN } from './plan-push.ts';
import { Refusal } from './refusal.ts';
import { OPS_PER_REQUEST } from './schema.ts';
import type { Appended, SyncFeeds } from './sync-feed.ts';

export interface SyncSockets {
  /** Takes over an upgrade, or refuses it with the status that the same request would get. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void>;
  /** A device pulled up to this number. */
  pulled(caller: SyncCaller, number: number): void;
  /** Users that have a socket here. */
  users(): string[];
  /** Tells what other processes appended to this user's feed since it was told last. O(what is new), nothing for users without a socket. */
  catchUp(user: string): Promise<void>;
  close(): void;
}

export interface SyncSocketsDeps {
  readonly feeds: SyncFeeds;
  readonly clients: Clients;
  readonly clock: Clock;
  readonly onFailure: (error: unknown) => void;
}

/** One more of a device ends its oldest: it may be left over from a link that died. */
const SOCKETS_PER_DEVICE = 4;
/** Clients send nothing but pings. */
const INCOMING_BYTES = 1_024;
/** What may wait for a slow reader, before its socket ends: it pulls when it is back. */
const WAITING_BYTES = 1024 * 1024;
/** A client that is just pulling forgets an advance: it is told again after so long, ms. */
const TELL_AGAIN = 2_000;
/** What others appended is told op by op up to so many entries and bytes, and else as an advance alone. */
const CATCH_UP = { entries: OPS_PER_REQUEST, bytes: 1024 * 1024 };
/** Clients ping every 40 s. Nothing heard for so long: the link is dead. */
const SILENCE = 130_000;

interface Open {
  readonly caller: SyncCaller;
  readonly socket: WebSocket;
  /** Up to where this client has everything, as far as can be known. */
  has: number;
  heardAt: number;
}

/** The push side: frames from here only, never to the device that wrote. Losing one is harmless: clients poll too. */
export function createSyncSockets({ feeds, clients, clock, onFailure }: SyncSocketsDeps): SyncSockets {
  const server = new WebSocketServer({ noServer: true, maxPayload: INCOMING_BYTES, perMessageDeflate: false, clientTracking: false });
  const open = new Set<Open>();
  const closing = new AbortController();
  /** Up to which number the sockets of a user were told; of users that have some. */
  const told = new Map<string, number>();
  const stopListening = feeds.onAppend(tell);

  const of = (user: string): Open[] => [...open].filter((each) => each.caller.user === user);

  function tell({ user, device, head, entries }: Appended): void {
    const first = entries[0]?.number ?? 0;
    // What another process appended in between is yet to be told: that begins where this one ended.
    if (told.get(user) === first - 1) told.set(user, head.number);
    const others = of(user).filter(({ caller, has }) => caller.device !== device && has < head.number);
    if (others.length === 0) return;
    const frame = opFrame(head, entries);
    const untold: Open[] = [];
    for (const each of others) {
      if (frame !== null && each.has === first - 1) {
        each.has = head.number;
        send(each, frame);
      } else {
        send(each, advanceFrame(head));
        untold.push(each);
      }
    }
    if (untold.length > 0) tellAgain(untold, head).catch(onFailure);
  }

  async function tellAgain(some: readonly Open[], head: FeedHead): Promise<void> {
    await clock.sleep(TELL_AGAIN, closing.signal);
    for (const each of some) if (open.has(each) && each.has < head.number) send(each, advanceFrame(head));
  }

  async function catchUp(user: string): Promise<void> {
    const from = told.get(user);
    if (from === undefined) return;
    const { head, entries } = await feeds.changes(user, from, CATCH_UP);
    if (told.get(user) !== from || head.number === from) return; // told meanwhile, or nothing new
    told.set(user, head.number);
    const isAll = entries.at(-1)?.number === head.number;
    if (!isAll) return tell({ user, device: null, head, entries: [] });
    for (const run of byWriter(entries)) {
      const number = run.entries.at(-1)?.number ?? head.number;
      tell({ user, device: run.device, head: { epoch: head.epoch, number }, entries: run.entries });
    }
  }

  function send({ socket }: Open, frame: string): void {
    if (socket.bufferedAmount > WAITING_BYTES) socket.terminate();
    else socket.send(frame);
  }

  function add(caller: SyncCaller, socket: WebSocket, head: FeedHead): void {
    const mine = of(caller.user).filter((each) => each.caller.device === caller.device);
    if (mine.length >= SOCKETS_PER_DEVICE) mine[0]?.socket.terminate();
    // Clients pull as soon as they are connected.
    const each: Open = { caller, socket, has: head.number, heardAt: clock.now() };
    open.add(each);
    if (!told.has(caller.user)) told.set(caller.user, head.number);
    const heard = (): void => {
      each.heardAt = clock.now();
      for (const other of open) if (each.heardAt - other.heardAt > SILENCE) other.socket.terminate();
    };
    socket.on('ping', heard);
    socket.on('message', heard);
    socket.on('error', () => socket.terminate());
    socket.on('close', () => {
      open.delete(each);
      if (of(caller.user).length === 0) told.delete(caller.user);
    });
  }

  return {
    async upgrade(request, socket, upgradeHead) {
      socket.on('error', () => socket.destroy());
      try {
        const caller = await identify(request.headers, clients);
        await admit(caller, clients);
        const head = await feeds.head(caller.user);
        if (socket.destroyed || closing.signal.aborted) return void socket.destroy();
        server.handleUpgrade(request, socket, upgradeHead, (connected) => add(caller, connected, head));
      } catch (error) {
        if (!(error instanceof Refusal)) onFailure(error);
        refuseUpgrade(socket, error instanceof Refusal ? error : null);
      }
    },

    pulled(caller, number) {
      for (const each of open) if (each.caller.user === caller.user && each.caller.device === caller.device) each.has = number;
    },

    users: () => [...told.keys()],
    catchUp,

    close() {
      closing.abort();
      stopListening();
      for (const { socket } of open) socket.terminate();
      server.close();
    },
  };
}

/** What follows one another from one device. What the gateway says anew of an op's row, right behind it, belongs to that op. */
function byWriter(entries: readonly FeedEntry[]): { readonly device: string | null; readonly entries: FeedEntry[] }[] {
  const runs: { readonly device: string | null; readonly entries: FeedEntry[] }[] = [];
  for (const entry of entries) {
    const device = entry.origin === GATEWAY_ORIGIN ? null : entry.origin;
    const run = runs.at(-1);
    const isSaidAnew = device === null && run?.entries.at(-1)?.entity === entry.entity;
    if (run !== undefined && (run.device === device || isSaidAnew)) run.entries.push(entry);
    else runs.push({ device, entries: [entry] });
  }
  return runs;
}

function refuseUpgrade(socket: Duplex, refusal: Refusal | null): void {
  const body = JSON.stringify({ error: refusal?.message ?? 'the hub failed' });
  socket.end(
    `HTTP/1.1 ${refusal?.status ?? 500} Refused\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
