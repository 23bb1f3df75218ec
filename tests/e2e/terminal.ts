import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { PATIENCE } from '../setup/patience.ts';
import { until } from './machine.ts';

/**
 * A command on a terminal of its own: a pseudo-terminal that `script` of util-linux makes, 100 columns wide. Input is
 * typed, echo and escapes included in what it shows.
 */
export class Terminal {
  readonly #process: ChildProcess;
  readonly #ended: Promise<number | null>;
  #shown = '';
  /** What was seen by `shows` is not looked at again. */
  #seen = 0;

  constructor(command: readonly string[], options: { readonly env: NodeJS.ProcessEnv; readonly cwd?: string }) {
    const line = `stty cols 100 rows 40; exec ${command.map(quote).join(' ')}`;
    this.#process = spawn('script', ['-qefc', line, '/dev/null'], {
      ...options,
      env: { TERM: 'xterm', SHELL: '/bin/sh', ...options.env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#process.stdout?.setEncoding('utf8').on('data', (part: string) => (this.#shown += part));
    this.#process.stdin?.on('error', () => undefined); // it may have ended by now
    this.#ended = once(this.#process, 'close').then(([code]) => code as number | null);
  }

  /** Everything that was shown. */
  get shown(): string {
    return this.#shown;
  }

  /** Waits until it shows this, behind what was waited for before; gives the text. */
  async shows(pattern: RegExp, limit = PATIENCE.timeout): Promise<string> {
    let found: RegExpExecArray | null = null;
    const what = (): string => `the terminal shows ${pattern}; it shows ${JSON.stringify(this.#shown.slice(this.#seen))}`;
    await until('', () => (found = pattern.exec(this.#shown.slice(this.#seen))) !== null, { limit }).catch((error: Error) => {
      throw new Error(what(), { cause: error });
    });
    const match = found as unknown as RegExpExecArray;
    this.#seen += match.index + match[0].length;
    return match[0];
  }

  /** A line, with Enter. */
  type(line: string): void {
    this.#process.stdin?.write(`${line}\r`);
  }

  press(keys: string): void {
    this.#process.stdin?.write(keys);
  }

  /** Ends what is typed, as a file or a pipe that is over does. */
  endInput(): void {
    this.#process.stdin?.end();
  }

  /** Waits for its end: the exit code. */
  end(): Promise<number | null> {
    return this.#ended;
  }

  /** Takes the terminal away, as closing its window does. */
  async close(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#ended;
  }
}

export const CTRL_C = '\u0003';

/** Without escapes that colour or move. */
export function plain(text: string): string {
  return text.replaceAll(/\u001b\[[0-9;?]*[A-Za-z]/g, '');
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
