import type { Config, ConfigFlags } from '../config/config.ts';
import type { Environment } from '../config/environment.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { ExitCode } from './exit-codes.ts';
import type { MoreOptions } from './frame-again.ts';
import type { Style } from './output-style.ts';
import type { Progress } from './progress.ts';

/** A positional argument. Only the last may be variadic. */
export interface ArgumentSpec {
  readonly summary: string;
  readonly required?: boolean;
  readonly variadic?: boolean;
}

/** An option; its key in camel case is its flag in kebab case: `dryRun` is `--dry-run`. */
export type OptionSpec =
  | { readonly type: 'flag'; readonly summary: string }
  | { readonly type: 'text'; readonly value: string; readonly summary: string }
  /** May be repeated. */
  | { readonly type: 'list'; readonly value: string; readonly summary: string }
  | { readonly type: 'number'; readonly value: string; readonly summary: string; readonly min: number; readonly max: number }
  | { readonly type: 'choice'; readonly choices: readonly string[]; readonly summary: string };

export type ArgumentSpecs = Readonly<Record<string, ArgumentSpec>>;
export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

type ArgumentValue<A extends ArgumentSpec> = A extends { readonly variadic: true }
  ? readonly string[]
  : A extends { readonly required: true }
    ? string
    : string | undefined;

type OptionValue<O extends OptionSpec> = O extends { readonly type: 'flag' }
  ? boolean
  : O extends { readonly type: 'list' }
    ? readonly string[]
    : O extends { readonly type: 'number' }
      ? number | undefined
      : O extends { readonly type: 'choice'; readonly choices: readonly (infer C)[] }
        ? C | undefined
        : string | undefined;

/** What a command gets. */
export interface CommandContext<A extends ArgumentSpecs = ArgumentSpecs, O extends OptionSpecs = OptionSpecs> {
  readonly args: { readonly [K in keyof A]: ArgumentValue<A[K]> };
  readonly options: { readonly [K in keyof O]: OptionValue<O[K]> };
  /** True with --json: print nothing, ask nothing; the result is the document. */
  readonly json: boolean;
  readonly environment: Environment;
  /** Reads config.json; ends the command with exit 2 and all problems where it is wrong. */
  readonly config: (flags?: ConfigFlags) => Promise<Config>;
  /** Whether stdout is a terminal, where people read along; false with --json. */
  readonly isTerminal: boolean;
  /** For stdout. */
  readonly style: Style;
  /** Text that names our commands, as this person calls them: in a clone `satchel up` is `npm start -- up`. No foreign text. */
  readonly asCalled: (text: string) => string;
  /** This command line with all that was given, and these options besides: what a remedy says to run. Not where an argument is a secret. */
  readonly again: (more: MoreOptions) => string;
  readonly clock: Clock;
  /** Silent unless stderr is a terminal. */
  readonly progress: Progress;
  /** A line for people while the command runs, on stdout; nothing with --json. */
  readonly print: (line: string) => void;
  /** Asks on the terminal; null where there is none (or with --json), or at the end of input. */
  readonly ask: (question: string) => Promise<string | null>;
  /** All of stdin as UTF-8, for secrets and links given as `-`. Refuses more than `limit` bytes with exit 2. */
  readonly readStdin: (limit: number) => Promise<string>;
  /** All of stdin as it is. Refuses more than `limit` bytes with exit 2. */
  readonly readStdinBytes: (limit: number) => Promise<Uint8Array>;
  /** Aborts at SIGINT, SIGTERM or SIGHUP, in commands with `longRunning`; a second signal ends the process. */
  readonly signal: AbortSignal;
}

export interface CommandResult {
  /** For people, without the final newline; '' prints nothing. */
  readonly human: string;
  /** Instead of `human` where stdout is no terminal: written as they are, for files and pipes. */
  readonly bytes?: Uint8Array;
  /** For stderr, where `bytes` are written: what they are, for people. */
  readonly aside?: string;
  /** For stderr, beside what is printed: a warning for people. */
  readonly note?: string;
  /** The document of --json. Documented with the command; fields are only ever added. */
  readonly json: unknown;
  /** `ok` where absent. */
  readonly exit?: ExitCode;
}

/** One thing to run: `satchel status`, or the verb of `satchel remotes add`. */
export interface LeafSpec<A extends ArgumentSpecs = ArgumentSpecs, O extends OptionSpecs = OptionSpecs> {
  readonly summary: string;
  readonly arguments?: A;
  readonly options?: O;
  /** Whole command lines, at least one. */
  readonly examples: readonly [string, ...string[]];
  /** More for --help, after the options. */
  readonly notes?: string;
  readonly longRunning?: boolean;
  run(context: CommandContext<A, O>): Promise<CommandResult>;
}

/** Forms (b) and (c): verbs. `bare` is the verb that runs when none is given. */
export interface VerbsSpec {
  readonly summary: string;
  readonly verbs: Readonly<Record<string, LeafSpec>>;
  readonly bare?: string;
}

export type CommandSpec = LeafSpec | VerbsSpec;

/** Gives `run` the types of its arguments and options. */
export function defineCommand<const A extends ArgumentSpecs = {}, const O extends OptionSpecs = {}>(spec: LeafSpec<A, O>): LeafSpec {
  // The frame fills the context from these very specs, so what is erased here holds.
  return spec as unknown as LeafSpec;
}

/** How a command says that it cannot go on: thrown anywhere in `run`, printed by the frame. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
  readonly exit: ExitCode;
  /** Stable, for scripts: `not-running`, `config`, `usage` … */
  readonly type: string;
  /** What to do: a sentence or `Run: COMMAND`. */
  readonly next: string | undefined;
  /** More for --json. */
  readonly details: unknown;
  constructor(exit: ExitCode, type: string, message: string, options: { next?: string; details?: unknown; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.exit = exit;
    this.type = type;
    this.next = options.next;
    this.details = options.details;
  }
}
