import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { projectFolder } from '../../src/kinds/claude-home/project-folder.ts';
import { Machine, makeRoot, until } from '../e2e/machine.ts';

export interface LiveRun {
  readonly program: string;
  readonly seconds: number;
}

const LINES_PER_SECOND = 20;
const SESSIONS = 5;

interface Said {
  readonly lines: Readonly<Record<string, number>>;
  readonly settings: number;
}

/**
 * Two machines, each with a fake Claude Code that appends 20 lines a second to five transcripts of its own and rewrites
 * settings.json, while both nodes carry everything to the other. Afterwards every transcript is whole and the same byte
 * for byte in both homes, and so is settings.json.
 */
export async function liveEditing({ program, seconds }: LiveRun): Promise<{ readonly lines: number; readonly bytes: number }> {
  const { root, remove } = makeRoot();
  const machines = ['ana', 'bea'].map((name) => new Machine(root, name, program));
  const [ana, bea] = machines as [Machine, Machine];
  try {
    const folders = machines.map(({ home }, index) => {
      mkdirSync(path.join(home, 'work', 'app'), { recursive: true });
      return { cwd: realpathSync(path.join(home, 'work', 'app')), sessions: sessionsOf(index) };
    });
    await ana.start();
    const { link } = await ana.ask<{ link: string }>(['invite']);
    await bea.start(['join', link, '--name', 'bea', '--trust-own']);
    await ana.run(['approve', '--trust-own']);
    const stop = new AbortController();
    const running = machines.map((machine, index) => runFake(machine, folders[index]!, stop.signal));
    await sleep(seconds * 1_000);
    stop.abort();
    const said = await Promise.all(running);

    const transcripts = (index: number): Map<string, string> => read(machines[index]!, folders[index]!.cwd);
    const settings = (): (string | null)[] => machines.map((machine) => machine.read('settings.json'));
    const areTranscriptsEqual = (): boolean => transcripts(0).size === 2 * SESSIONS && sameMaps(transcripts(0), transcripts(1));
    // By key: which of two keys comes first is each machine's own.
    const areSettingsEqual = (): boolean =>
      isDeepStrictEqual(...(settings().map((text) => JSON.parse(text ?? 'null') as unknown) as [unknown, unknown]));
    await until('the transcripts are the same', areTranscriptsEqual);
    await until('the settings are the same', areSettingsEqual);
    await sleep(2_000);
    expect([areTranscriptsEqual(), areSettingsEqual()]).toEqual([true, true]); // and stay so: nothing goes back and forth

    let [lines, bytes] = [0, 0];
    for (const { lines: written } of said) {
      for (const [session, count] of Object.entries(written)) {
        const text = transcripts(0).get(`${session}.jsonl`) ?? '';
        expect(numbersIn(text)).toEqual(Array.from({ length: count }, (_, number) => number));
        [lines, bytes] = [lines + count, bytes + text.length];
      }
    }
    expect(Object.keys(JSON.parse(settings()[0] ?? '') as object).toSorted()).toEqual(
      machines.map(({ home }) => `seenBy-${path.basename(home)}`).toSorted(),
    );
    const status = await ana.run(['status']);
    expect(status.stdout).toMatch(/^(In sync|Everything is kept here)/);
    return { lines, bytes };
  } finally {
    await Promise.all(machines.map((machine) => machine.kill()));
    remove();
  }
}

/** Ids of one machine's sessions. */
function sessionsOf(machine: number): string[] {
  return Array.from({ length: SESSIONS }, (_, n) => `${machine}${n}000000-0000-4000-8000-000000000000`);
}

async function runFake(
  machine: Machine,
  { cwd, sessions }: { readonly cwd: string; readonly sessions: readonly string[] },
  stop: AbortSignal,
): Promise<Said> {
  const script = path.join(import.meta.dirname, 'fake-claude-code.mjs');
  const fake = spawn(process.execPath, [script, machine.home, cwd, String(LINES_PER_SECOND), ...sessions], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  stop.addEventListener('abort', () => fake.stdin.end(), { once: true });
  let output = '';
  fake.stdout.on('data', (part: Buffer) => (output += part.toString()));
  const [code] = (await once(fake, 'close')) as [number];
  expect(code).toBe(0);
  return JSON.parse(output) as Said;
}

function read({ claude }: Machine, cwd: string): Map<string, string> {
  const folder = path.join(claude, 'projects', projectFolder(cwd));
  const files = readdirSync(folder).filter((file) => file.endsWith('.jsonl'));
  return new Map(files.map((file) => [file, readFileSync(path.join(folder, file), 'utf8')]));
}

function sameMaps(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}

/** The numbers of a transcript's lines, in the order they stand there. Throws on a torn line. */
function numbersIn(text: string): number[] {
  const lines = text.split('\n');
  expect(lines.pop()).toBe('');
  return lines.map((line) => Number((JSON.parse(line) as { uuid: string }).uuid.slice(24)));
}
