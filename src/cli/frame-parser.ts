import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { printable } from '../node/printable.ts';
import { nearestName } from '../config/nearest-name.ts';
import { EXIT, EXIT_MEANINGS } from './exit-codes.ts';
import { flagOf } from './frame-again.ts';
import { CommandFailure, type CommandSpec, type LeafSpec, type OptionSpec, type VerbsSpec } from './frame-command.ts';

/** A command as it is listed: its module is loaded only when it is the one that runs. */
export interface CommandEntry {
  readonly name: string;
  readonly group: string;
  readonly summary: string;
  load(): Promise<CommandSpec>;
}

/** What the command line asks for. */
export interface Invocation {
  readonly leaf: LeafSpec;
  /** As it is called: `status`, `remotes add`. */
  readonly call: string;
  readonly args: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly options: Readonly<Record<string, unknown>>;
}

/**
 * Parses a command line. `{help}` where it asked for help, with the text. Throws CommandFailure with exit 2 where it is
 * wrong, with the nearest right name. Loads the module of the one command that is named.
 */
export async function parseCommandLine(
  line: readonly string[],
  entries: readonly CommandEntry[],
  columns: number,
): Promise<Invocation | { readonly help: string }> {
  const words = line.filter((word) => !word.startsWith('-'));
  const argv = words[0] === 'help' ? [...words.slice(1), '--help'] : [...line];
  const wanted = words[0] === 'help' ? words[1] : words[0];
  checkName(wanted, entries);
  let invocation: Invocation | null = null;
  let printed = '';
  let deepest = wanted;
  const program = new Command('satchel')
    .description('Carries what a coding agent knows to every machine, end-to-end encrypted, with its whole history.')
    .usage('COMMAND [options]')
    .option('--json', 'one JSON document on stdout, nothing else')
    .option('-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help of a command')
    .configureOutput({
      writeOut: (text) => (printed += text),
      writeErr: () => undefined,
      getOutHelpWidth: () => columns,
      getErrHelpWidth: () => columns,
    })
    .exitOverride()
    .addHelpText(
      'after',
      `\nWords:\n${WORDS.map(([word, meaning]) => `  ${word.padEnd(14)}  ${meaning}`).join('\n')}\n\nExit codes:\n${EXIT_MEANINGS.map(([code, meaning]) => `  ${code}  ${meaning}`).join('\n')}\n\nExample:\n  $ satchel up`,
    );

  for (const entry of entries) {
    const command = program
      .command(entry.name)
      .summary(entry.summary)
      .description(entry.summary)
      .helpGroup(entry.group)
      .copyInheritedSettings(program);
    if (entry.name !== wanted) continue;
    command.helpCommand(false);
    const spec = await entry.load();
    if ('verbs' in spec) {
      // `--json` may stand anywhere.
      const [word] = argv.slice(argv.indexOf(entry.name) + 1).filter((each) => each !== '--json');
      checkVerb(entry.name, spec.verbs, word, spec.bare);
      if (word !== undefined && Object.hasOwn(spec.verbs, word)) deepest = `${entry.name} ${word}`;
      for (const [verb, leaf] of Object.entries(spec.verbs)) {
        const child = command.command(verb, { isDefault: verb === spec.bare });
        configure(child, leaf, `${entry.name} ${verb}`, (found) => (invocation = found));
      }
      command.description(spec.bare === undefined ? spec.summary : `${spec.summary} Without a verb: ${spec.bare}.`);
      command.addHelpText('after', verbsText(entry.name, spec));
    } else configure(command, spec, entry.name, (found) => (invocation = found));
  }

  try {
    if (wanted === undefined && !asksHelp(argv)) {
      // An unknown flag is worth its own message.
      program.allowExcessArguments().action(() => undefined);
      await program.parseAsync(argv, { from: 'user' });
      throw new CommandFailure(EXIT.usage, 'usage', 'a command is missing', { next: 'Run: satchel --help' });
    }
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    if (!isCommanderError(error)) throw error;
    if (error.exitCode === 0 || error.code === 'commander.help') return { help: printed };
    throw usageFailure(error.message, deepest);
  }
  if (invocation === null) throw new Error(`satchel ${wanted ?? ''} has no action`);
  return invocation;
}

function configure(command: Command, leaf: LeafSpec, call: string, found: (invocation: Invocation) => void): void {
  command.summary(leaf.summary).description(leaf.summary);
  for (const [name, spec] of Object.entries(leaf.arguments ?? {})) {
    const word = spec.variadic === true ? `${name}...` : name;
    command.addArgument(new Argument(spec.required === true ? `<${word}>` : `[${word}]`, spec.summary));
  }
  for (const [key, spec] of Object.entries(leaf.options ?? {})) command.addOption(optionOf(key, spec));
  command.option('--json', 'one JSON document on stdout, nothing else');
  command.addHelpText('after', `${leaf.notes === undefined ? '' : `\n${leaf.notes}\n`}${examplesText(leaf.examples)}`);
  command.action(() => {
    const args = Object.fromEntries(Object.keys(leaf.arguments ?? {}).map((name, index) => [name, command.processedArgs[index] as string]));
    const given = command.opts<Record<string, unknown>>();
    const options = Object.fromEntries(Object.entries(leaf.options ?? {}).map(([key, spec]) => [key, given[key] ?? absent(spec)]));
    checkTexts(call, args, (name) => `argument '${name}'`);
    checkTexts(call, options, (key) => `option '${flagOf(key)}'`);
    found({ leaf, call, args, options });
  });
}

function absent(spec: OptionSpec): unknown {
  if (spec.type === 'flag') return false;
  return spec.type === 'list' ? [] : undefined;
}

function optionOf(key: string, spec: OptionSpec): Option {
  const flag = flagOf(key);
  switch (spec.type) {
    case 'flag':
      return new Option(flag, spec.summary);
    case 'choice':
      // Not by `choices`, with which commander would list them once more.
      return new Option(`${flag} <${spec.choices.join('|')}>`, spec.summary).argParser((text) => {
        if (spec.choices.includes(text)) return text;
        throw new InvalidArgumentError(`Allowed choices are ${spec.choices.join(', ')}.`);
      });
    case 'list':
      return new Option(`${flag} <${spec.value}>`, spec.summary).argParser((text: string, before: readonly string[] | undefined) => [
        ...(before ?? []),
        text,
      ]);
    case 'text':
      return new Option(`${flag} <${spec.value}>`, spec.summary);
    case 'number':
      return new Option(`${flag} <${spec.value}>`, spec.summary).argParser((text) => {
        const value = /^-?\d{1,15}$/.test(text) ? Number(text) : NaN;
        if (value >= spec.min && value <= spec.max) return value;
        throw new InvalidArgumentError(`Expected a whole number from ${spec.min} to ${spec.max}.`);
      });
  }
}

/** What the help of all commands takes for known. */
const WORDS = [
  ['item', 'a file that is carried; its name is its path in the Claude home: rules/style.md'],
  ['revision', 'a version of an item, such as 3f9a12cd'],
  ['space', 'what a set of machines shares, with its whole history; yours is called personal'],
  ['record', 'one step of a space’s history, numbered'],
  ['remote', 'where the encrypted history of a space is kept: a node, a hub, a folder, a bucket or a git repository'],
  ['node, hub', 'the program as it runs on a machine; a hub keeps spaces for others and cannot read them'],
] as const;

/** Nothing that is typed is longer: links, paths and names end before. */
const LONGEST = 8192;

/** Our own words for it: commander's repeat the text, which may be a secret, or very long. */
function checkTexts(call: string, texts: Readonly<Record<string, unknown>>, nameOf: (key: string) => string): void {
  for (const [key, value] of Object.entries(texts)) {
    for (const text of [value].flat()) {
      if (typeof text !== 'string') continue;
      const wrong =
        text === ''
          ? 'is empty: expected some text'
          : text.includes('\0')
            ? 'holds a NUL character'
            : text.length > LONGEST
              ? `is too long: ${text.length} characters, ${LONGEST} at most`
              : null;
      if (wrong !== null) throw new CommandFailure(EXIT.usage, 'usage', `${nameOf(key)} ${wrong}`, { next: `Run: satchel ${call} --help` });
    }
  }
}

function checkName(name: string | undefined, entries: readonly CommandEntry[]): void {
  const known = entries.map((entry) => entry.name);
  if (name === undefined || known.includes(name)) return;
  const near = nearestName(name, [...known, 'help']);
  const next = near === null ? 'Run: satchel --help' : `Did you mean: satchel ${near}?`;
  throw new CommandFailure(EXIT.usage, 'usage', `unknown command '${printable(name)}'`, { next });
}

function asksHelp(argv: readonly string[]): boolean {
  return argv.some((word) => word === '-h' || word === '--help');
}

/** With a default verb commander would take a mistyped verb for an argument of that. */
function checkVerb(name: string, verbs: VerbsSpec['verbs'], word: string | undefined, bare: string | undefined): void {
  const known = Object.keys(verbs);
  if (word === undefined ? bare !== undefined : word.startsWith('-') || known.includes(word)) return;
  const near = word === undefined ? null : nearestName(word, known);
  // What is no verb may be what the default verb takes.
  if (near === null && word !== undefined && bare !== undefined && Object.keys(verbs[bare]?.arguments ?? {}).length > 0) return;
  const next = near === null ? `Known are: ${known.join(', ')}. Run: satchel ${name} --help` : `Did you mean: satchel ${name} ${near}?`;
  const message = word === undefined ? `satchel ${name} needs a verb` : `unknown verb '${printable(word)}' of satchel ${name}`;
  throw new CommandFailure(EXIT.usage, 'usage', message, { next });
}

function examplesText(examples: readonly string[]): string {
  return `\n${examples.length === 1 ? 'Example' : 'Examples'}:\n${examples.map((line) => `  $ ${line}`).join('\n')}`;
}

/** Examples of all verbs, more of the one that runs when none is given; and where their options are. */
function verbsText(name: string, { verbs, bare }: VerbsSpec): string {
  const examples = Object.entries(verbs).flatMap(([verb, leaf]) => leaf.examples.slice(0, verb === bare ? 2 : 1));
  return `\nOptions of a verb: satchel ${name} ${bare ?? Object.keys(verbs)[0]} --help\n${examplesText([...new Set(examples)])}`;
}

/** Commander's text, `error: unknown option '--x'\n(Did you mean --y?)`, in two. */
function usageFailure(text: string, command: string | undefined): CommandFailure {
  const [message = '', suggestion] = text.replace(/^error: /, '').split('\n');
  const near = isNear(message, suggestion) ? suggestion?.replace(/^\((.*)\)$/, '$1') : undefined;
  const next = near ?? `Run: satchel ${command === undefined ? '' : `${command} `}--help`;
  return new CommandFailure(EXIT.usage, 'usage', message, { next });
}

/** Commander takes options for alike that share two letters of five. */
function isNear(message: string, suggestion: string | undefined): boolean {
  const given = /^unknown option '--([^'=]+)/.exec(message)?.[1];
  if (given === undefined || suggestion === undefined) return true;
  const suggested = [...suggestion.matchAll(/--([a-z-]+)/g)].map((match) => match[1] ?? '');
  return nearestName(given, suggested) !== null;
}

function isCommanderError(error: unknown): error is Error & { code: string; exitCode: number } {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('commander.') && 'exitCode' in error;
}
