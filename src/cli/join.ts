import type { Config } from '../config/config.ts';
import { shellWord } from '../config/private-file.ts';
import { parseJoinLink } from '../core/joining/link.ts';
import { wordsToSecret } from '../core/joining/words.ts';
import type { OperationInput, OperationOutput } from '../node/operations/table.ts';
import { copyLines } from './answer-pending.ts';
import { askAfterJoin, isYes, waitingLine, type Ask } from './ask-after-join.ts';
import { askNode } from './ask-node.ts';
import { counted } from '../node/counted.ts';
import { lackingBodies } from '../node/operations/status-verdict.ts';
import { EXIT } from './exit-codes.ts';
import { CommandFailure, defineCommand, type CommandContext, type CommandResult } from './frame-command.ts';
import { leftBehindLines } from './left-behind-lines.ts';
import { printable } from './output-style.ts';
import { portFor, type ElsewhereText } from './listen-address.ts';

export const joinCommand = defineCommand({
  summary: 'Join another machine’s spaces, or a hub, by link or by words',
  arguments: {
    link: { summary: 'the link of `satchel invite`; `-` reads it from standard input; an address alone asks for the 12 words' },
  },
  options: {
    name: {
      type: 'text',
      value: 'NAME',
      summary: 'what this machine is called there (default: its host name, with a number behind it where that is taken)',
    },
    yes: { type: 'flag', summary: 'ask nothing: where files of this machine change, copy them and go ahead' },
    trustOwn: {
      type: 'flag',
      summary: 'put in place unasked what your own machines write and can run programs: see satchel approve --help',
    },
    switch: {
      type: 'flag',
      summary: 'go over from a space that this machine shares with others: its folders are in the new one from then on',
    },
    words: { type: 'text', value: '-', summary: '`-` reads the 12 words from standard input, with an address (default: asks for them)' },
    port: {
      type: 'number',
      value: 'PORT',
      summary: 'this machine’s node listens on this port, now and later (default 4600, or the next free one)',
      min: 0,
      max: 65_535,
    },
    once: { type: 'flag', summary: 'join and bring everything here once, then end instead of going on as the node' },
  },
  examples: ['satchel join', 'satchel invite --json | ssh laptop satchel join -', 'satchel join http://pi.local:4600'],
  notes:
    'Without an argument it asks for the link. JSON: {joined, space, name, asked_name, inviter, role, remote, items, words, lacking, left_behind: {space, name, machines: [name], id (this machine’s)} or null (the space with others that its folders left), copies: [folder], not_carried: [{path, problem}] (databases), conflicts (with --yes: of this machine’s files that changed), pending, not_applied: [folder] (nothing was put in place there yet: it would change files of this machine’s), next (the command that goes on; null: nothing waits)}.\nExit 3 where it joined and something waits for an answer, as the first write onto files of this machine’s without --yes, or where a file of this machine’s was replaced by another version: its own is kept beside, as a conflict.',
  longRunning: true,
  async run(context): Promise<CommandResult> {
    const wish = await readWish(context, context.args.link, context.options.words);
    const { options, environment } = context;
    const { nodeHome } = await import('../node/home.ts');
    const { readRunning } = await import('../node/running.ts');
    const input = {
      ...wish,
      trust_own: options.trustOwn,
      approve_first: options.yes,
      switch: options.switch,
      ...(options.name === undefined ? {} : { name: options.name }),
    };
    const isServed = (await readRunning(nodeHome(environment.home))) !== null;
    const { port } = options;
    if (isServed && port !== undefined)
      throw new CommandFailure(
        EXIT.usage,
        'usage',
        'the node of this machine is running, and listens already: --port is for one that begins',
        {
          next: 'Run the same without --port',
        },
      );
    const skip = { trust: options.yes || options.trustOwn };
    if (!isServed && !options.once && !context.json) return joinAndStay(context, input, port, skip);
    const joined = await joinAsked(context, (name, asked) => askNode(context, name, asked), input);
    if (joined === null) return STAYED;
    await rememberPort(await context.config(), port);
    const described = describe(context, joined);
    if (context.json) return described;
    context.print(described.human);
    if (joined.joined === 'hub' && joined.pending > 0) context.print(waitingLine(joined.pending));
    if (joined.joined === 'hub') return { ...described, human: '' };
    const isOpen = await askAfterJoin(context, (name, asked) => askNode(context, name, asked), skip);
    return { human: '', json: joined, exit: isOpen || joined.conflicts > 0 ? EXIT.open : EXIT.ok };
  },
});

interface Wish {
  readonly link: string | null;
  readonly address: string | null;
  readonly words: string | null;
}

async function readWish(context: CommandContext, given: string | undefined, givenWords: string | undefined): Promise<Wish> {
  const text =
    (given === '-'
      ? linkIn(await context.readStdin(64 * 1024))
      : (given ?? withoutCommand(await context.ask('Paste the link from the other machine: ')))) ?? '';
  if (text.trim() === '')
    throw new CommandFailure(EXIT.usage, 'usage', 'no link was given', {
      next: 'On the other machine: satchel invite. Here: satchel join LINK',
    });
  if (!text.includes('#') && !/^([a-z][a-z0-9+.-]*:|[/.])/i.test(text.trim())) {
    throw new CommandFailure(EXIT.usage, 'bad-link', 'this is neither a join link nor the address of a node', {
      next: 'On the other machine: satchel invite. Here: satchel join LINK, in quotes',
    });
  }
  if (text.includes('#')) {
    // Before anything is opened or asked.
    const link = parseJoinLink(text);
    if (!link.ok)
      throw new CommandFailure(EXIT.usage, 'bad-link', link.error, { next: 'Make a new one on the other machine: satchel invite' });
    return { link: text.trim(), address: null, words: null };
  }
  if (givenWords !== undefined && givenWords !== '-')
    throw new CommandFailure(
      EXIT.usage,
      'usage',
      'the words are secret: they are typed, or read from standard input with `--words -`, not given as arguments',
      { next: 'Run: satchel join ADDRESS' },
    );
  const words = givenWords === '-' ? await context.readStdin(4096) : await context.ask('The 12 words: ');
  if (words === null)
    throw new CommandFailure(
      EXIT.usage,
      'usage',
      'this is an address without an invitation, and there is no terminal to ask for the 12 words',
      { next: 'Give the whole link, in quotes: it has a # in it' },
    );
  const secret = wordsToSecret(words);
  if (!secret.ok)
    throw new CommandFailure(EXIT.usage, 'bad-words', secret.error, {
      next: 'Read them again from the other machine, where satchel invite showed them',
    });
  return { link: null, address: text.trim(), words };
}

/** What `satchel invite` shows may be pasted with the command and the quotes around it. */
function withoutCommand(line: string | null): string | null {
  return line === null
    ? null
    : line
        .trim()
        .replace(/^(?:satchel|npm start --) join +/, '')
        .replaceAll(/^['"]|['"]$/g, '');
}

/** `satchel invite --json` may be piped as it is. */
function linkIn(text: string): string {
  if (!text.trimStart().startsWith('{')) return text;
  try {
    const value = JSON.parse(text) as { link?: unknown };
    return typeof value.link === 'string' ? value.link : '';
  } catch {
    return '';
  }
}

/** Who said No. */
const STAYED: CommandResult = { human: 'Nothing was changed.', json: null };

/** On a terminal a machine that shares its space with others is asked whether it goes over; `null` where it does not. */
async function joinAsked(context: CommandContext, ask: Ask, input: OperationInput<'join'>): Promise<OperationOutput<'join'> | null> {
  try {
    return await ask('join', input);
  } catch (error) {
    const isAsked = error instanceof CommandFailure && error.type === 'shares-a-space' && input.approve_first !== true;
    const answer = isAsked ? await context.ask(goingOver(error.message)) : null;
    if (answer === null) throw error;
    return isYes(answer) ? ask('join', { ...input, switch: true }) : null;
  }
}

function goingOver(why: string): string {
  return `${printable(why[0]?.toUpperCase() ?? '')}${printable(why.slice(1))}.\nThe others go on without it, and its history stays here under another name. Go over? [y/N] `;
}

async function joinAndStay(
  context: CommandContext,
  input: OperationInput<'join'>,
  port: number | undefined,
  skip: { readonly trust: boolean },
): Promise<CommandResult> {
  const config = await context.config({ port });
  const { isStarted, nodeHome } = await import('../node/home.ts');
  const { checkInput, runInProcess, useNode } = await import('./ask-in-process.ts');
  await checkInput('join', input);
  // Who has joined cannot be as if it had not, and who cannot begin leaves nothing behind.
  if (!(await isStarted(nodeHome(config.environment.home)))) await portFor(config, { elsewhere, isKnown: false });
  const { isHome, runUp } = await import('./up.ts');
  return useNode(config, 'join', async (node) => {
    const ask: Ask = async (name, asked) => (await runInProcess(context, node, name, asked)) as OperationOutput<typeof name>;
    await portFor(config, { elsewhere, isKnown: isHome(node) });
    const joined = await joinAsked(context, ask, input);
    if (joined === null) return STAYED;
    await rememberPort(config, port);
    context.print(describe(context, joined).human);
    if (joined.joined === 'space') await askAfterJoin(context, ask, { ...skip, count: true });
    return runUp(context, node, config, { ask: false, elsewhere });
  });
}

/** The link holds a secret, and is not said again. */
const elsewhere: ElsewhereText = ({ port }) =>
  port === undefined ? 'take "host" out of config.json, and SATCHEL_HOST out of the environment' : `the same with --port ${port}`;

/** For every `up` after this one. Any free one is nothing to remember. */
async function rememberPort({ file }: Config, port: number | undefined): Promise<void> {
  if (port === undefined || port === 0) return;
  const { savePort } = await import('../node/save-port.ts');
  await savePort(file, port);
}

function describe({ asCalled }: CommandContext, joined: OperationOutput<'join'>): CommandResult {
  const place =
    joined.joined === 'hub'
      ? `Spaces of this machine are kept at ${joined.remote} now.`
      : `Joined ${printable(joined.inviter)}’s space as ${printable(joined.name)} (${joined.role}): ${counted(joined.items, 'item')} from ${joined.remote}.`;
  const lines = [place, `Both machines show the same words for the same history: ${joined.words}`];
  if (joined.lacking > 0) lines.push(asCalled(`Not everything could be put in place: ${lackingBodies(joined.lacking, joined.remote)}`));
  for (const { path, problem } of joined.not_carried)
    lines.push(
      `Nothing of ${printable(path)} was carried, there or here: ${printable(problem)}. ${asCalled('What helps: satchel doctor')}`,
    );
  lines.push(...copyLines({ asCalled }, joined));
  if (joined.left_behind !== null) lines.push(...leftBehindLines({ asCalled }, joined.left_behind));
  if (joined.name !== joined.asked_name)
    lines.push(
      `Another machine is called ${printable(joined.asked_name)}, so this one is ${printable(joined.name)} there.`,
      `${asCalled('To call it otherwise: satchel machines rename')} ${shellWord(printable(joined.name))} NAME`,
    );
  return { human: lines.join('\n'), json: joined, exit: joined.conflicts + joined.pending > 0 ? EXIT.open : EXIT.ok };
}
