import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A program that serves until it is stopped. */
export interface ChildService {
  /** What its first line that matched `ready` says. */
  readonly said: string;
  readonly stop: () => Promise<void>;
}

/** Ends the program with whoever started it, even one that is killed. */
const END_WITH_PARENT = 'data:text/javascript,process.stdin.on("end",()=>process.exit()).on("error",()=>process.exit()).resume();';

/** Runs Node until a line of its output matches `ready`, whose first group is what it `said`. Fails loudly where it ends before. */
export function startNodeService(
  args: readonly string[],
  ready: RegExp,
  env: Readonly<Record<string, string>> = {},
): Promise<ChildService> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--no-warnings', '--import', END_WITH_PARENT, ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    const ended = new Promise<void>((over) => child.once('close', () => over()));
    let output = '';
    const look = (line: string): void => {
      output = `${output}${line}\n`.slice(-4_000);
      const said = ready.exec(line)?.[1];
      if (said === undefined) return;
      resolve({
        said,
        async stop() {
          child.kill('SIGKILL');
          await ended;
        },
      });
    };
    createInterface({ input: child.stdout }).on('line', look);
    createInterface({ input: child.stderr }).on('line', look);
    child.once('error', reject);
    child.once('close', (code) => reject(new Error(`${args.join(' ')} ended (${code}) before it was ready:\n${output}`)));
  });
}
