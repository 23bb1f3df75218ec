import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { findProgram, SatchelMachine } from '../satchel/satchel-machine.ts';
import { drive, prepare, type Driven, type Target } from './drive.ts';

const CLIENTS = 64;
const MANY = 200;
const SECONDS = 8;

type Figures = Readonly<Record<'GET' | 'PUT' | 'both, 200 clients', Driven>>;

export interface MnemeReport {
  readonly plain: Figures;
  readonly satchel: Figures;
  /** Ours to the plain server's, requests a second. */
  readonly ratios: Readonly<Record<keyof Figures, number>>;
}

/** The mneme gateway beside a plain server of the same routes: requests a second of 64 clients, and errors of 200. */
export async function benchMneme(options: {
  readonly parent: string;
  readonly scale: number;
  readonly tell: (line: string) => void;
}): Promise<MnemeReport> {
  const folder = await mkdtemp(path.join(options.parent, 'satchel-bench-'));
  const seconds = Math.max(1, SECONDS * options.scale);
  try {
    const plain = await withPlain(folder, (target) => measure('plain', target, seconds, options.tell));
    const satchel = await withSatchel(folder, (target) => measure('satchel', target, seconds, options.tell));
    const ratio = (name: keyof Figures): number => Math.round((satchel[name].perSecond / plain[name].perSecond) * 100) / 100;
    return { plain, satchel, ratios: { GET: ratio('GET'), PUT: ratio('PUT'), 'both, 200 clients': ratio('both, 200 clients') } };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure(name: string, target: Target, seconds: number, tell: (line: string) => void): Promise<Figures> {
  await prepare(target, MANY);
  const say = (what: keyof Figures, driven: Driven): Driven => {
    tell(
      `${name.padEnd(8)} ${what.padEnd(18)} ${String(driven.perSecond).padStart(6)}/s  p50 ${driven.p50} ms  p95 ${driven.p95} ms  ${driven.errors} errors`,
    );
    return driven;
  };
  const get = say('GET', await drive(target, CLIENTS, seconds, 'get'));
  const put = say('PUT', await drive(target, CLIENTS, seconds, 'put', 31));
  const both = say('both, 200 clients', await drive(target, MANY, seconds, 'both', 100_000));
  return { GET: get, PUT: put, 'both, 200 clients': both };
}

async function withPlain<T>(folder: string, work: (target: Target) => Promise<T>): Promise<T> {
  const root = path.join(folder, 'plain');
  await mkdir(root);
  const script = fileURLToPath(new URL(`plain-server${path.extname(import.meta.url)}`, import.meta.url));
  const server = spawn(process.execPath, [script, root], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const port = await new Promise<number>((resolve, reject) => {
      server.stdout.setEncoding('utf8').once('data', (text: string) => resolve(Number(text)));
      server.once('error', reject);
    });
    return await work({ port, key: 'none' });
  } finally {
    server.kill();
  }
}

async function withSatchel<T>(folder: string, work: (target: Target) => Promise<T>): Promise<T> {
  const program = findProgram();
  if (program === null) throw new Error('the program is not built: npm run build');
  const home = path.join(folder, 'satchel');
  const machine = await SatchelMachine.make(program, home, null);
  const mneme = { enabled: true, port: 0, rateLimitPerMinute: 10_000_000 };
  await writeFile(path.join(home, '.satchel', 'config.json'), JSON.stringify({ port: 0, mneme }), { mode: 0o600 });
  await machine.up();
  try {
    const { url, token } = JSON.parse(await machine.command('mneme', 'serve', '--name', 'bench', '--json')) as {
      url: string;
      token: { token: string };
    };
    return await work({ port: Number(new URL(url).port), key: token.token });
  } finally {
    await machine.down();
  }
}
