import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import Database from 'better-sqlite3';
import { freePort } from '../setup/free-port.ts';

const run = promisify(execFile);
const BUN = '1.4.5';

/** The newest release, and one of the first with sync. */
export const NEWEST = '13.25.3';
export const FIRST_WITH_SYNC = '13.12.2';

/** Made once, and kept among the temporary files. `make` fills an empty folder. */
function kept(name: string, make: (folder: string) => Promise<void>): Promise<string> {
  const begun = making.get(name) ?? makeOnce(name, make);
  making.set(name, begun);
  return begun;
}

const making = new Map<string, Promise<string>>();

async function makeOnce(name: string, make: (folder: string) => Promise<void>): Promise<string> {
  const folder = path.join(tmpdir(), name);
  if (existsSync(folder)) return folder;
  const fresh = `${folder}.${process.pid}`;
  await mkdir(fresh, { recursive: true });
  await make(fresh);
  await rename(fresh, folder).catch(() => rm(fresh, { recursive: true, force: true }));
  return folder;
}

/** The worker of a release, from its npm package: one bundled script. What the package depends on, the worker does without. */
async function workerScript(version: string): Promise<string> {
  const folder = await kept(`satchel-claude-mem-${version}`, async (fresh) => {
    await run('npm', ['pack', `claude-mem@${version}`, '--silent'], { cwd: fresh });
    const [archive] = (await readdir(fresh)).filter((name) => name.endsWith('.tgz'));
    await run('tar', ['xzf', archive ?? 'claude-mem.tgz'], { cwd: fresh });
  });
  return path.join(folder, 'package', 'plugin', 'scripts', 'worker-service.cjs');
}

async function bun(): Promise<string> {
  const folder = await kept(`satchel-bun-${BUN}`, async (fresh) => {
    await writeFile(path.join(fresh, 'package.json'), '{"private": true}\n');
    await run('npm', ['install', '--no-audit', '--no-fund', `bun@${BUN}`], { cwd: fresh });
  });
  return path.join(folder, 'node_modules', '.bin', 'bun');
}

/** What a database holds that sync carries, without what is of one machine. */
export interface Memories {
  readonly observations: readonly string[];
  readonly summaries: readonly string[];
  readonly prompts: readonly string[];
}

/** A real worker with a home of its own: telemetry and Chroma off, and no agent to ask. */
export class RealWorker {
  readonly home: string;
  readonly version: string;
  #process: ChildProcess | null = null;
  #port = 0;

  constructor(home: string, version: string) {
    this.home = home;
    this.version = version;
  }

  get folder(): string {
    return path.join(this.home, '.claude-mem');
  }

  get file(): string {
    return path.join(this.folder, 'claude-mem.db');
  }

  async settings(values: Record<string, string>): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    const file = path.join(this.folder, 'settings.json');
    const before = existsSync(file) ? (JSON.parse(await readFile(file, 'utf8')) as Record<string, string>) : {};
    await writeFile(file, JSON.stringify({ CLAUDE_MEM_CHROMA_ENABLED: 'false', ...before, ...values }, null, 2));
  }

  async start(): Promise<void> {
    const [command, script] = await Promise.all([bun(), workerScript(this.version)]);
    this.#port = await freePort();
    await this.settings({ CLAUDE_MEM_WORKER_PORT: String(this.#port) });
    await rm(path.join(this.folder, 'worker.pid'), { force: true });
    this.#process = spawn(command, [script, '--daemon'], {
      env: {
        PATH: `${path.dirname(command)}:${process.env['PATH'] ?? ''}`,
        HOME: this.home,
        DO_NOT_TRACK: '1',
        CLAUDE_MEM_TELEMETRY: '0',
        CLAUDE_MEM_WORKER_PORT: String(this.#port),
      },
      stdio: 'ignore',
    });
    for (let tries = 0; ; tries += 1) {
      try {
        const health = (await this.ask('GET', '/api/health')) as { readonly initialized?: boolean };
        if (health.initialized === true) return;
      } catch (error) {
        if (tries > 300) throw error;
      }
      await sleep(200);
    }
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const worker = this.#process;
    this.#process = null;
    if (worker === null || worker.exitCode !== null || worker.signalCode !== null) return;
    worker.kill(signal);
    await Promise.race([once(worker, 'exit'), sleep(5_000)]);
    if (worker.exitCode === null && worker.signalCode === null) worker.kill('SIGKILL');
  }

  async ask(method: string, route: string, body?: unknown): Promise<unknown> {
    const answer = await fetch(`http://127.0.0.1:${this.#port}${route}`, {
      method,
      signal: AbortSignal.timeout(20_000),
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${route} answered ${answer.status}: ${text.slice(0, 300)}`);
    return JSON.parse(text);
  }

  /** Saves a memory as a user does; gives its number here. */
  async save(title: string, text = `about ${title}`): Promise<number> {
    const { id } = (await this.ask('POST', '/api/memory/save', { title, text, project: 'shop' })) as { readonly id: number };
    return id;
  }

  /** As a session that was worked on elsewhere: with its prompt and summary. */
  async session(id: string): Promise<void> {
    const at = { created_at: '2026-01-01T00:00:00.000Z', created_at_epoch: 1_767_225_600_000 };
    await this.ask('POST', '/api/import', {
      sessions: [
        {
          ...{ content_session_id: `c-${id}`, memory_session_id: `m-${id}`, project: 'shop', user_prompt: id, status: 'completed' },
          ...{ started_at: at.created_at, started_at_epoch: at.created_at_epoch },
        },
      ],
      summaries: [{ memory_session_id: `m-${id}`, project: 'shop', request: id, learned: `much of ${id}`, prompt_number: 1, ...at }],
      observations: [],
      prompts: [{ content_session_id: `c-${id}`, prompt_number: 1, prompt_text: `prompt of ${id}`, ...at }],
    });
  }

  /** A prompt in a session, which is given a title where it has none. */
  prompt(session: string, prompt: string, customTitle: string): Promise<unknown> {
    const asked = { contentSessionId: `c-${session}`, project: 'shop', prompt, platformSource: 'claude', customTitle };
    return this.ask('POST', '/api/sessions/init', asked);
  }

  /** As other programs edit its memories: beside it. */
  edit(sql: string, ...values: readonly unknown[]): void {
    const database = new Database(this.file, { timeout: 5_000 });
    try {
      database.prepare(sql).run(...values);
    } finally {
      database.close();
    }
  }

  /** The number that a memory has here. */
  idOf(title: string): number {
    const database = new Database(this.file, { readonly: true, timeout: 5_000 });
    try {
      return database.prepare('select id from observations where title = ?').pluck().get(title) as number;
    } finally {
      database.close();
    }
  }

  delete(id: number): Promise<unknown> {
    return this.ask('DELETE', `/api/observation/${id}`);
  }

  async syncStatus(): Promise<{ readonly lastError: string | null; readonly quarantine?: { readonly count: number } }> {
    return (await this.ask('GET', '/api/sync/status')) as { readonly lastError: string | null };
  }

  titles(): string[] {
    const database = new Database(this.file, { readonly: true, timeout: 5_000 });
    try {
      const sql = "select content_session_id || '|' || custom_title from sdk_sessions where custom_title is not null";
      return (database.prepare(sql).pluck().all() as string[]).sort();
    } finally {
      database.close();
    }
  }

  /** Sessions by the ids that Claude Code gave them. */
  sessions(): string[] {
    const database = new Database(this.file, { readonly: true, timeout: 5_000 });
    try {
      return (database.prepare('select content_session_id from sdk_sessions').pluck().all() as string[]).sort();
    } finally {
      database.close();
    }
  }

  memories(): Memories {
    const database = new Database(this.file, { readonly: true, timeout: 5_000 });
    try {
      const all = (sql: string): string[] => (database.prepare(sql).pluck().all() as string[]).sort();
      return {
        observations: all(
          "select title || '|' || coalesce(subtitle, '') || '|' || narrative || '|' || project || '|' || type from observations",
        ),
        summaries: all("select request || '|' || learned || '|' || memory_session_id from session_summaries"),
        prompts: all("select prompt_text || '|' || content_session_id || '|' || prompt_number from user_prompts"),
      };
    } finally {
      database.close();
    }
  }

  /** What SQLite itself finds wrong. */
  check(): unknown[] {
    const database = new Database(this.file, { readonly: true, timeout: 5_000 });
    try {
      const lines = (database.pragma('integrity_check') as { integrity_check: string }[]).filter((line) => line.integrity_check !== 'ok');
      return [...lines, ...(database.pragma('foreign_key_check') as unknown[])];
    } finally {
      database.close();
    }
  }
}
