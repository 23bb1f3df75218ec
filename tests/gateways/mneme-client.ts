import { Agent } from 'node:http';
import type { AskOptions, MnemeAnswer } from './mneme-place.ts';

/** What each release syncs, in this order. */
const SYNCED = {
  '2.5': ['log.jsonl', 'summary.json', 'summary.md', 'remembered.json', 'entities.json'],
  '3': ['log.jsonl', 'summary.json', 'remembered.json', 'entities.json'],
} as const;
export type Release = keyof typeof SYNCED;
export type PulledFile = (typeof SYNCED)[Release][number];

export interface Fact {
  readonly ts: string;
  readonly type: string;
  readonly content: string;
}

export interface MnemeServer {
  ask(method: string, target: string, options: AskOptions): Promise<MnemeAnswer>;
}

/**
 * What an unmodified client does, by its source: what it sends, in which order, and how it compares its files' times with the
 * server's. Each pull and push is a process of its own, with a connection of its own.
 */
export class MnemeClientDouble {
  readonly files = new Map<PulledFile, { content: string; mtime: number }>();
  readonly id: string;
  readonly #server: MnemeServer;
  readonly #project: string;
  readonly #key: string;
  readonly #now: () => number;
  readonly #synced: readonly PulledFile[];

  /** @param machine `now`: its clock, which may be wrong */
  constructor(
    server: MnemeServer,
    project: string,
    machine: { readonly id: string; readonly key: string; readonly now: () => number; readonly release?: Release },
  ) {
    this.#server = server;
    this.#project = project;
    this.id = machine.id;
    this.#key = machine.key;
    this.#now = machine.now;
    this.#synced = SYNCED[machine.release ?? '3'];
  }

  write(name: PulledFile, content: string): void {
    this.files.set(name, { content, mtime: this.#now() });
  }

  read(name: PulledFile): string {
    return this.files.get(name)?.content ?? '';
  }

  log(content: string): void {
    this.write('log.jsonl', `${this.read('log.jsonl')}${JSON.stringify({ ts: this.#stamp(), type: 'prompt', content })}\n`);
  }

  get facts(): Fact[] {
    const text = this.read('remembered.json');
    return text === '' ? [] : (JSON.parse(text) as Fact[]);
  }

  remember(content: string): void {
    this.#writeFacts([...this.facts, { ts: this.#stamp(), type: 'fact', content }]);
  }

  forget(content: string): void {
    this.#writeFacts(this.facts.filter((fact) => fact.content !== content));
  }

  /** A file was touched once more. */
  mention(file: string, context: string): void {
    const ts = this.#stamp();
    const entities = JSON.parse(this.read('entities.json') || '{"files":{},"functions":{},"errors":{},"packages":{}}') as Entities;
    const before = entities.files[file] ?? { mentions: 0, lastSeen: ts, contexts: [] };
    const contexts = [...before.contexts, { ts, type: 'prompt', summary: context }].slice(-5);
    const files = { ...entities.files, [file]: { mentions: before.mentions + 1, lastSeen: ts, contexts } };
    this.write('entities.json', JSON.stringify({ ...entities, files, lastUpdated: ts, lastPruned: ts }, null, 2));
  }

  get mentions(): Record<string, number> {
    const { files } = JSON.parse(this.read('entities.json') || '{"files":{}}') as Entities;
    return Object.fromEntries(Object.entries(files).map(([name, { mentions }]) => [name, mentions]));
  }

  decide(decision: string): void {
    const summary = JSON.parse(
      this.read('summary.json') || '{"projectContext":"","keyDecisions":[],"currentState":[],"recentWork":[]}',
    ) as Summary;
    const keyDecisions = [...summary.keyDecisions, { date: this.#stamp().slice(0, 10), decision, reason: 'so', foundational: false }];
    this.write('summary.json', `${JSON.stringify({ ...summary, keyDecisions, lastUpdated: this.#stamp(), lastEntryIndex: 0 }, null, 2)}\n`);
  }

  get decisions(): string[] {
    const { keyDecisions } = JSON.parse(this.read('summary.json') || '{"keyDecisions":[]}') as Summary;
    return keyDecisions.map(({ decision }) => decision).toSorted();
  }

  get known(): string[] {
    return this.facts.map(({ content }) => content).toSorted();
  }

  /** What a session does first. True where it got the lock. */
  async pull(): Promise<boolean> {
    return this.#process(async (ask) => {
      if ((await ask('GET', '/health')).status !== 200) return false;
      if ((await ask('POST', `/lock`, true)).status !== 200) return false;
      for (const { name, mtime } of await this.#list(ask)) {
        const local = this.files.get(name);
        if (local !== undefined && Date.parse(mtime) <= local.mtime) continue;
        const answer = await ask('GET', `/files/${name}`);
        if (answer.status === 200) this.write(name, answer.body['content'] as string);
      }
      return true;
    });
  }

  /** What a session does last. The statuses of what it pushed. */
  async push(): Promise<number[]> {
    return this.#process(async (ask) => {
      if ((await ask('GET', '/health')).status !== 200) return [];
      const times = new Map((await this.#list(ask)).map(({ name, mtime }) => [name, Date.parse(mtime)]));
      const statuses: number[] = [];
      for (const name of this.#synced) {
        const local = this.files.get(name);
        if (local === undefined || local.mtime <= (times.get(name) ?? 0)) continue;
        statuses.push((await ask('PUT', `/files/${name}`, true, JSON.stringify({ content: local.content }))).status);
      }
      await ask('DELETE', '/lock', true);
      return statuses;
    });
  }

  #stamp(): string {
    return new Date(this.#now()).toISOString();
  }

  #writeFacts(facts: readonly Fact[]): void {
    this.write('remembered.json', `${JSON.stringify(facts, null, 2)}\n`);
  }

  async #list(ask: Ask): Promise<{ name: PulledFile; mtime: string }[]> {
    const { body } = await ask('GET', '/files');
    return (body['files'] as { name: PulledFile; mtime: string }[]).filter(({ name }) => this.#synced.includes(name));
  }

  async #process<T>(work: (ask: Ask) => Promise<T>): Promise<T> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    try {
      return await work((method, rest, isNamed = false, body) =>
        this.#server.ask(method, rest === '/health' ? rest : `/projects/${encodeURIComponent(this.#project)}${rest}`, {
          key: this.#key,
          agent,
          ...(isNamed ? { client: this.id } : {}),
          ...(body === undefined ? {} : { body, headers: { 'content-type': 'application/json' } }),
        }),
      );
    } finally {
      agent.destroy();
    }
  }
}

interface Entities {
  readonly files: Readonly<Record<string, { readonly mentions: number; readonly lastSeen: string; readonly contexts: readonly unknown[] }>>;
}

interface Summary {
  readonly keyDecisions: readonly { readonly decision: string }[];
}

type Ask = (method: string, rest: string, isNamed?: boolean, body?: string) => Promise<MnemeAnswer>;
