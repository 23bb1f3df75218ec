import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';

/** The shell ends when it had nothing to do for so long. */
const IDLE_MS = 1_000;
/** A line is a path; its answer is a line: what `sync -f` ended with. */
const SCRIPT = 'while IFS= read -r path; do "$0" -f -- "$path" >/dev/null 2>&1; echo $?; done';

interface Running {
  readonly child: ChildProcessByStdio<Writable, Readable, null>;
  readonly waiting: ((isDone: boolean) => void)[];
}

/** Syncs file systems. */
export interface SyncShell {
  /** Whether `sync -f` of this path said that it worked. */
  sync(path: string): Promise<boolean>;
}

/**
 * One shell starts them all: starting a process costs this one about 10 ms once it holds much memory, and the shell next to
 * nothing.
 */
export function createSyncShell(program: string): SyncShell {
  let running: Running | null = null;
  let idle: NodeJS.Timeout | null = null;

  function start(): Running {
    const child = spawn('/bin/sh', ['-c', SCRIPT, program], { stdio: ['pipe', 'pipe', 'ignore'] });
    const started: Running = { child, waiting: [] };
    const end = (): void => {
      if (running === started) running = null;
      for (const done of started.waiting.splice(0)) done(false);
    };
    child.once('error', end).once('exit', end);
    child.stdin.on('error', end);
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      const lines = (text + part).split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) started.waiting.shift()?.(line === '0');
      if (started.waiting.length === 0) rest(started);
    });
    return started;
  }

  /** It holds up nobody's end. */
  function rest(started: Running): void {
    hold(started, false);
    idle = setTimeout(() => {
      if (running === started) running = null;
      started.child.stdin.end();
    }, IDLE_MS).unref();
  }

  function hold({ child }: Running, isHeld: boolean): void {
    for (const each of [child, child.stdin, child.stdout]) {
      const handle = each as { ref?: () => void; unref?: () => void };
      if (isHeld) handle.ref?.();
      else handle.unref?.();
    }
  }

  return {
    sync(path) {
      if (path.includes('\n')) return Promise.resolve(false);
      if (idle !== null) clearTimeout(idle);
      running ??= start();
      const asked = running;
      hold(asked, true);
      return new Promise((resolve) => {
        asked.waiting.push(resolve);
        asked.child.stdin.write(`${path}\n`);
      });
    },
  };
}
