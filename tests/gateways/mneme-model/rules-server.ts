import type { Clock } from '../../../src/core/ports/clock.ts';
import { mnemeKind } from '../../../src/kinds/mneme/names.ts';
import { createKindRegistry } from '../../../src/kinds/registry.ts';
import type { Answer, Call, Server } from './client.ts';

const KINDS = createKindRegistry();
const EARLIEST = new Date(1).toISOString();
const LATEST = '9999-12-31T23:59:59.999Z';

/** What the server knows of one client. */
interface Known {
  readonly shown: Map<string, string>;
  /** Sessions that began and did not end. */
  open: number;
  /** The last one that ended pushed everything, and all of it was taken. */
  endedWell: boolean;
  mayTake: boolean;
  /** How often it began, and had when this process of it was told what to take. */
  began: number;
  readonly told: WeakMap<object, number>;
  isPulling: boolean;
  refused: boolean;
}

/**
 * The rules alone: each push is a change to what its client was last shown, merged by kind, whatever the answer; who may have
 * something that was not pushed is given nothing. In memory, with the lock of the protocol, and nothing of the gateway.
 */
export function serveRules(clock: Clock, lockLifetime: number): Server {
  const heads = new Map<string, string>();
  const clients = new Map<string, Known>();
  let lock: { holder: string; expires: number } | null = null;

  const known = (id: string): Known => {
    const found = clients.get(id) ?? {
      shown: new Map(),
      open: 0,
      endedWell: false,
      mayTake: false,
      began: 0,
      told: new WeakMap(),
      isPulling: false,
      refused: false,
    };
    clients.set(id, found);
    return found;
  };

  const take = (client: Known, file: string, ours: string): void => {
    const [base, theirs] = [client.shown.get(file) ?? null, heads.get(file) ?? null];
    client.shown.set(file, ours);
    if (theirs === base || theirs === null) heads.set(file, ours);
    if (theirs === base || theirs === null || ours === base || ours === theirs) return;
    const version = (text: string) => ({ body: new Uint8Array(Buffer.from(text)), attributes: {} });
    const outcome = KINDS.get(mnemeKind(file))?.merge({
      name: `mneme/p/${file}`,
      base: base === null ? null : version(base),
      theirs: version(theirs),
      ours: version(ours),
    });
    if (outcome?.type !== 'merged') throw new Error(`${file}: ${JSON.stringify(outcome)}`);
    heads.set(file, Buffer.from(outcome.version.body).toString());
  };

  const answer = ({ method, path, key, connection, content = '' }: Call): Answer => {
    const client = known(key);
    const [, resource = '', file = ''] = /\/(lock|files)(?:\/(.+))?$/.exec(path) ?? [];
    const isFree = lock === null || lock.holder === key || lock.expires <= clock.now();
    if (method === 'POST') {
      client.mayTake = client.endedWell && client.open === 0;
      client.open += 1;
      client.began += 1;
      client.endedWell = false;
      client.isPulling = isFree;
      if (isFree) lock = { holder: key, expires: clock.now() + lockLifetime };
      return { status: isFree ? 200 : 409, body: {} };
    }
    if (method === 'DELETE') {
      client.open -= 1;
      client.endedWell = !client.refused && client.open === 0;
      const isOwn = lock?.holder === key;
      if (isOwn) lock = null;
      return { status: isFree ? 200 : 403, body: {} };
    }
    if (resource === 'files' && file === '') {
      const pulls = client.isPulling;
      client.isPulling = false;
      if (!pulls) client.refused = false;
      if (pulls && client.mayTake) client.told.set(connection, client.began);
      const isDue = (name: string): boolean => pulls && client.mayTake && client.shown.get(name) !== heads.get(name);
      const files = [...heads.keys()].map((name) => ({ name, mtime: isDue(name) ? LATEST : EARLIEST }));
      return { status: 200, body: { files } };
    }
    if (method === 'GET') {
      const body = heads.get(file);
      if (body === undefined) return { status: 404, body: {} };
      if ((client.told.get(connection) ?? client.began) !== client.began) return { status: 503, body: {} };
      client.shown.set(file, body);
      return { status: 200, body: { content: body } };
    }
    take(client, file, content);
    if (lock?.holder === key) return { status: 200, body: {} };
    client.refused = true;
    return { status: 403, body: {} };
  };

  return { ask: (call) => Promise.resolve(answer(call)), ended: () => undefined };
}
