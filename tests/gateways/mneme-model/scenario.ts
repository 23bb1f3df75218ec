import type { TestClock } from '../../contracts/test-clock.ts';
import { ModelClient, type Network, type Server } from './client.ts';

/** What may happen besides what clients do. */
export interface Surroundings {
  readonly clock: TestClock;
  /** The server of each machine: one for all, or each its own. */
  readonly server: (machine: string) => Server;
  /** Brings servers nearer to each other; `all`: until they agree. */
  readonly exchange: (all: boolean) => Promise<void>;
  /** Of all clients, until the quiet sessions at the end. */
  readonly network?: Network;
  /** Something happened on this client's machine. */
  readonly after?: (client: ModelClient) => Promise<void>;
}

/** What was written by anybody, and not removed by anybody. */
interface Ledger {
  readonly facts: Set<string>;
  readonly lines: Set<string>;
  readonly decisions: Set<string>;
  readonly mentions: Map<string, number>;
  /** Lines that were summarised, facts that were forgotten. */
  readonly gone: Set<string>;
}

export interface Outcome {
  readonly clients: readonly ModelClient[];
  readonly ledger: Ledger;
  readonly trace: readonly string[];
  /** What was removed may be back: in doubt an entry stays. */
  readonly mayComeBack?: boolean;
  /** Counts may be off: who read what was not always known. */
  readonly mayMiscount?: boolean;
}

const MINUTE = 60_000;
const SKEWS: readonly (readonly [machine: string, skew: number])[] = [
  ['early', -60 * MINUTE],
  ['right', 0],
  ['late', 60 * MINUTE],
];
/** Fewer than a summary holds, so that none is evicted. */
const DECISIONS = 8;

interface Session {
  readonly client: ModelClient;
  readonly name: string;
  left: number;
  process: AsyncGenerator<string> | null;
  phase: 'pull' | 'work' | 'push';
}

/**
 * Sessions of three machines with wrong clocks, up to two at a time on each: they pull, work and push in whatever order, for longer
 * than a lock lasts; then each machine has a few quiet sessions. The same seed gives the same course.
 */
export async function play(seed: number, { clock, server, exchange, after, network }: Surroundings, steps = 120): Promise<Outcome> {
  const random = mulberry(seed);
  const upTo = (n: number): number => Math.floor(random() * n);
  const trace: string[] = [];
  let isQuiet = false;
  const travels: Network = { isKeptAlive: network?.isKeptAlive ?? true, cutsOff: () => !isQuiet && (network?.cutsOff() ?? false) };
  const clients = SKEWS.map(([id, skew]) => new ModelClient({ id, project: 'app', clock, skew, server: server(id), network: travels }));
  const ledger: Ledger = { facts: new Set(), lines: new Set(), decisions: new Set(), mentions: new Map(), gone: new Set() };
  let count = 0;

  const work = (client: ModelClient): string => {
    const text = `${client.id} ${(count += 1)}`;
    const kind = upTo(8);
    if (kind < 3) {
      client.log(text);
      ledger.lines.add(client.lines().at(-1) as string);
      return `log ${text}`;
    }
    if (kind < 5) {
      client.remember(text);
      ledger.facts.add(text);
      return `remember ${text}`;
    }
    if (kind < 7) {
      const name = ['a.ts', 'b.ts', 'constructor'][upTo(3)] as string;
      if (name === 'constructor') return 'nothing';
      client.mention(name);
      ledger.mentions.set(name, (ledger.mentions.get(name) ?? 0) + 1);
      return `mention ${name}`;
    }
    if (upTo(2) === 0) {
      const forgotten = client.forget(upTo(client.remembered().length || 1));
      if (forgotten !== undefined) ledger.gone.add(forgotten);
      return `forget ${forgotten}`;
    }
    if (ledger.decisions.size >= DECISIONS) return 'nothing';
    const lines = client.summarise(text);
    for (const line of lines) ledger.gone.add(line);
    ledger.decisions.add(text);
    return `summarise ${lines.length} lines: ${text}`;
  };

  const step = async (session: Session): Promise<boolean> => {
    const { client } = session;
    if (session.phase === 'work') {
      if (session.left-- > 0) trace.push(`${session.name}: ${work(client)}`);
      else session.phase = 'push';
      return true;
    }
    session.process ??= session.phase === 'pull' ? client.pull() : client.push();
    const { done, value } = await session.process.next();
    if (done !== true) trace.push(`${session.name}: ${session.phase} ${value}`);
    else if (session.phase === 'push') return false;
    else [session.phase, session.process] = ['work', null];
    return true;
  };

  const open = new Set<Session>();
  for (let i = 0; i < steps || open.size > 0; i += 1) {
    // Others get their turn in the midst of a pull, and not much time passes: its hook is ended after half a minute.
    const isPulling = [...open].some(({ phase, process }) => phase === 'pull' && process !== null);
    clock.advance(1 + upTo(isPulling ? 500 : upTo(6) === 0 ? 25 * MINUTE : 20_000));
    if (upTo(8) === 0) await exchange(false);
    const client = clients[upTo(clients.length)] as ModelClient;
    const running = [...open].filter((session) => session.client === client);
    const free = running.length === 0 || (running.length === 1 && upTo(6) === 0);
    if (i < steps && free) {
      open.add({ client, name: `${client.id}#${(count += 1)}`, left: upTo(7), process: null, phase: 'pull' });
      continue;
    }
    const session = [...open][upTo(open.size)] as Session | undefined;
    if (session === undefined) continue;
    if (!(await step(session))) open.delete(session);
    await after?.(session.client);
  }

  isQuiet = true;
  for (let round = 0; round < 4; round += 1) {
    for (const client of clients) {
      clock.advance(MINUTE);
      trace.push(`quiet session of ${client.id}`);
      for await (const what of client.pull()) trace.push(`${client.id}: pull ${what}`);
      clock.advance(MINUTE);
      for await (const what of client.push()) trace.push(`${client.id}: push ${what}`);
      await exchange(true);
    }
  }
  return { clients, ledger, trace };
}

/** What is wrong, in words; empty where every machine has all that was written and not removed, once. */
export function judge({ clients, ledger, mayComeBack = false, mayMiscount = false }: Outcome): string[] {
  const wrong: string[] = [];
  const compare = (client: ModelClient, what: string, found: readonly string[], expected: ReadonlySet<string>): void => {
    for (const each of expected) if (!found.includes(each)) wrong.push(`${client.id} lacks the ${what} ${each}`);
    for (const each of new Set(found)) {
      const isBack = mayComeBack && ledger.gone.has(each);
      if (!expected.has(each) && !isBack)
        wrong.push(`${client.id} has the ${what} ${each}${ledger.gone.has(each) ? ', which was removed' : ''}`);
      if (found.indexOf(each) !== found.lastIndexOf(each)) wrong.push(`${client.id} has the ${what} ${each} twice`);
    }
  };
  const here = (written: ReadonlySet<string>): Set<string> => new Set([...written].filter((each) => !ledger.gone.has(each)));
  for (const client of clients) {
    compare(
      client,
      'fact',
      client.remembered().map(({ content }) => content),
      here(ledger.facts),
    );
    compare(client, 'line', client.lines(), here(ledger.lines));
    compare(
      client,
      'decision',
      client.summary().keyDecisions.map(({ decision }) => decision),
      ledger.decisions,
    );
    if (mayMiscount) continue;
    compare(
      client,
      'count',
      Object.entries(client.mentions()).map(([name, mentions]) => `${name}=${mentions}`),
      new Set([...ledger.mentions].map(([name, mentions]) => `${name}=${mentions}`)),
    );
  }
  return wrong;
}

/** Small and good enough to choose by. */
export function mulberry(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
