import type { Clock } from '../../../src/core/ports/clock.ts';

export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** What a client sends. `connection`: of one process of the client. */
export interface Call {
  readonly method: string;
  readonly path: string;
  /** Where it says who it is. */
  readonly clientId?: string;
  readonly key: string;
  readonly connection: object;
  readonly content?: string;
}

export interface Server {
  ask(call: Call): Promise<Answer>;
  /** The process that had this connection read all that came, and ended. */
  ended(connection: object): void;
}

/** For a client whose sync is off. */
export const NO_SERVER: Server = { ask: async () => ({ status: 503, body: {} }), ended: () => undefined };

export const FILES = ['log.jsonl', 'summary.json', 'remembered.json', 'entities.json'] as const;
export type FileName = (typeof FILES)[number];

/** How a client's requests travel. */
export interface Network {
  /** One connection for all requests of a process; else one for each. */
  readonly isKeptAlive: boolean;
  /** Whether the process that downloads ends in the midst of this answer. */
  cutsOff(): boolean;
}

interface Entity {
  mentions: number;
  lastSeen: string;
  contexts: { ts: string; type: string; summary: string }[];
}

export interface Summary {
  projectContext: string;
  keyDecisions: { date: string; decision: string; reason: string }[];
  currentState: { topic: string; status: string }[];
  recentWork: { date: string; summary: string }[];
  lastUpdated: string | null;
}

const KEPT_LINES = 4;

/**
 * The unmodified client of a machine, in one project: what its hooks send and what they do to its files, by a clock that may be
 * wrong. A session is a process that pulls, work, and a process that pushes; there may be several at a time.
 */
export class ModelClient {
  readonly id: string;
  readonly project: string;
  readonly files = new Map<FileName, { content: string; mtime: number }>();
  readonly #clock: Clock;
  readonly #skew: number;
  readonly #server: Server;
  readonly #network: Network;
  /** Of each process the last one, where each request has its own. */
  readonly #connections = new WeakMap<object, object>();

  constructor(options: { id: string; project: string; clock: Clock; skew: number; server: Server; network?: Network }) {
    this.id = options.id;
    this.project = options.project;
    this.#clock = options.clock;
    this.#skew = options.skew;
    this.#server = options.server;
    this.#network = options.network ?? { isKeptAlive: true, cutsOff: () => false };
  }

  /** Each step is one request. Clients that are locked out pull nothing. */
  async *pull(): AsyncGenerator<string> {
    const connection = {};
    const lock = await this.#ask(connection, 'POST', 'lock', true);
    yield `lock ${lock.status}`;
    if (lock.status !== 200) return this.#end(connection);
    const times = await this.#list(connection);
    yield 'list';
    for (const name of FILES) {
      const [local, there] = [this.files.get(name), times.get(name)];
      if (there === undefined || (local !== undefined && there <= local.mtime)) continue;
      const { status, body } = await this.#ask(connection, 'GET', `files/${name}`, false);
      if (status === 200 && this.#network.cutsOff()) return yield `get ${name} cut off`; // the process ends without having read it
      this.#answered(connection);
      if (status === 200) this.#write(name, String(body['content']));
      yield `get ${name} ${status}`;
    }
    this.#end(connection);
  }

  async *push(): AsyncGenerator<string> {
    const connection = {};
    const times = await this.#list(connection);
    yield 'list';
    for (const name of FILES) {
      const local = this.files.get(name);
      if (local === undefined || local.mtime <= (times.get(name) ?? 0)) continue;
      const { status } = await this.#ask(connection, 'PUT', `files/${name}`, true, local.content);
      yield `put ${name} ${status}`;
    }
    const { status } = await this.#ask(connection, 'DELETE', 'lock', true);
    yield `unlock ${status}`;
    this.#end(connection);
  }

  remember(content: string): void {
    const entries = [...this.remembered(), { ts: this.#now(), type: 'fact', content }];
    this.#write('remembered.json', `${JSON.stringify(entries, null, 2)}\n`);
  }

  /** By index, as `mem-forget --remove`. Returns what it was. */
  forget(index: number): string | undefined {
    const entries = this.remembered();
    const [gone] = entries.splice(index, 1);
    if (gone !== undefined) this.#write('remembered.json', `${JSON.stringify(entries, null, 2)}\n`);
    return gone?.content;
  }

  log(content: string): void {
    this.#write('log.jsonl', `${this.#read('log.jsonl')}${JSON.stringify({ ts: this.#now(), type: 'prompt', content })}\n`);
  }

  mention(name: string): void {
    const index = JSON.parse(this.#read('entities.json') || '{"files":{},"functions":{},"errors":{},"packages":{}}');
    const ts = this.#now();
    const entity: Entity = index.files[name] ?? { mentions: 0, lastSeen: ts, contexts: [] };
    const contexts = [...entity.contexts, { ts, type: 'prompt', summary: name }].slice(-5);
    index.files[name] = { mentions: entity.mentions + 1, lastSeen: ts, contexts };
    this.#write('entities.json', JSON.stringify({ ...index, lastUpdated: ts }, null, 2));
  }

  /** Takes all but the newest lines off the log, and notes a decision instead. Returns the lines. */
  summarise(decision: string): string[] {
    const lines = this.lines();
    const gone = lines.slice(0, -KEPT_LINES);
    this.#write(
      'log.jsonl',
      lines
        .slice(-KEPT_LINES)
        .map((line) => `${line}\n`)
        .join(''),
    );
    const date = this.#now().slice(0, 10);
    const { keyDecisions, currentState, recentWork, ...rest } = this.summary();
    const summary: Summary = {
      ...rest,
      keyDecisions: [...keyDecisions, { date, decision, reason: 'because' }].slice(-10),
      currentState: [...currentState.filter(({ topic }) => topic !== 'app'), { topic: 'app', status: decision }].slice(-15),
      recentWork: [...recentWork, { date, summary: decision }].slice(-10),
      lastUpdated: this.#now(),
    };
    this.#write('summary.json', `${JSON.stringify(summary, null, 2)}\n`);
    return gone;
  }

  remembered(): { ts: string; type: string; content: string }[] {
    return JSON.parse(this.#read('remembered.json') || '[]');
  }

  lines(): string[] {
    return this.#read('log.jsonl')
      .split('\n')
      .filter((line) => line !== '');
  }

  mentions(): Record<string, number> {
    const files: Record<string, Entity> = JSON.parse(this.#read('entities.json') || '{"files":{}}').files;
    return Object.fromEntries(Object.entries(files).map(([name, entity]) => [name, entity.mentions]));
  }

  summary(): Summary {
    const none = { projectContext: '', keyDecisions: [], currentState: [], recentWork: [], lastUpdated: null };
    return JSON.parse(this.#read('summary.json') || JSON.stringify(none));
  }

  async #list(connection: object): Promise<Map<string, number>> {
    const { body } = await this.#ask(connection, 'GET', 'files', false);
    const files = (body['files'] ?? []) as { name: string; mtime: string }[];
    return new Map(files.map(({ name, mtime }) => [name, Date.parse(mtime)]));
  }

  #ask(process: object, method: string, resource: string, says: boolean, content?: string): Promise<Answer> {
    const path = `/projects/${encodeURIComponent(this.project)}/${resource}`;
    const who = { key: this.id, ...(says ? { clientId: this.id } : {}) };
    if (!this.#network.isKeptAlive) this.#connections.set(process, {});
    const connection = this.#connections.get(process) ?? process;
    return this.#server.ask({ method, path, connection, ...who, ...(content === undefined ? {} : { content }) });
  }

  /** An answer was read to its end. */
  #answered(process: object): void {
    const connection = this.#connections.get(process);
    if (connection !== undefined) this.#server.ended(connection);
  }

  #end(process: object): void {
    if (this.#network.isKeptAlive) this.#server.ended(process);
  }

  #now(): string {
    return new Date(this.#clock.now() + this.#skew).toISOString();
  }

  #read(name: FileName): string {
    return this.files.get(name)?.content ?? '';
  }

  #write(name: FileName, content: string): void {
    this.files.set(name, { content, mtime: this.#clock.now() + this.#skew });
  }
}
