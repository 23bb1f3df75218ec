import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A program that stays, with a log file. */
export interface Daemon {
  readonly name: string;
  readonly child: ChildProcess;
  readonly log: string;
}

/** Milliseconds that a service may take until it answers, on a machine that has much else to do. */
const START = 240_000;
const END = 15_000;

/** Dies with this process, whatever ends it. */
export function startDaemon(name: string, args: readonly string[], log: string): Daemon {
  const out = openSync(log, 'a', 0o600);
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', name, ...args], { stdio: ['ignore', out, out] });
  closeSync(out);
  child.on('error', () => undefined); // it shows in what waits for the service
  return { name, child, log };
}

/** In this order: asked to end, and killed where it does not. */
export async function stopDaemons(daemons: readonly Daemon[]): Promise<void> {
  for (const { child } of daemons) {
    const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
    if (hasEnded() || child.pid === undefined) continue;
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGTERM');
    await Promise.race([ended, sleep(END)]);
    if (hasEnded()) continue;
    child.kill('SIGKILL');
    await ended;
  }
}

/** Until the URL answers with anything at all. Fails with the end of the log where a program ends before, or time is up. */
export async function untilAnswers(url: string, daemons: readonly Daemon[]): Promise<void> {
  const end = Date.now() + START;
  for (;;) {
    const dead = daemons.find(({ child }) => child.exitCode !== null || child.signalCode !== null || child.pid === undefined);
    if (dead !== undefined || Date.now() > end) {
      const { name, log } = dead ?? daemons.at(-1) ?? { name: url, log: '/dev/null' };
      throw new Error(`${name} ${dead === undefined ? 'does not answer' : 'ended'}:\n${readFileSync(log, 'utf8').slice(-3_000)}`);
    }
    try {
      await (await fetch(url, { signal: AbortSignal.timeout(5_000) })).arrayBuffer();
      return;
    } catch {
      await sleep(200);
    }
  }
}

/** Runs a command to its end; throws with what it said where it failed. */
export function runCommand(name: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr, error } = spawnSync(name, args, { cwd, encoding: 'utf8', timeout: 120_000 });
  if (status !== 0) throw new Error(`${name} ${args.join(' ')} ended with ${status}: ${error?.message ?? ''}\n${stderr}`);
  return stdout.trim();
}
