import { once } from 'node:events';
import { HOUSEKEEPING_KINDS } from '../kinds/claude-home/housekeeping.ts';
import type { NodeHome } from '../node/home.ts';
import { mnemeRemedy } from '../node/mneme/no-projects.ts';
import type { OpenSpace, SatchelNode } from '../node/node.ts';
import type { CopyAnswer } from '../node/copied-store/settle-copy.ts';
import type { Config } from '../config/config.ts';
import { compareSpaces } from '../node/operations/status-verdict.ts';
import { createAnswerProgress } from './answer-progress.ts';
import { toFailure } from './ask-node.ts';
import { counted } from '../node/counted.ts';
import { isDiskFull } from '../node/disk-full.ts';
import { EXIT } from './exit-codes.ts';
import { CommandFailure, defineCommand, type CommandContext, type CommandResult } from './frame-command.ts';
import { listenFailure, portFor, takenBy, type ElsewhereText } from './listen-address.ts';
import { formatBytes, printable } from './output-style.ts';
import { sayBucket, sayFirstBucket } from './say-bucket.ts';
import { sayRoom } from './say-room.ts';
import { saySilent } from './say-silent.ts';
import { entriesOf, removeAllBut } from './unbegun-home.ts';

/** Milliseconds. */
const LOOK_FOR_ROOM_EVERY = 5_000;
const LOOK_FOR_STORE_EVERY = 2_000;

export const upCommand = defineCommand({
  summary: 'Run this machine’s node in the foreground',
  options: {
    host: { type: 'text', value: 'ADDRESS', summary: 'listen on this address (default 127.0.0.1; others get TLS)' },
    port: {
      type: 'number',
      value: 'PORT',
      summary: 'listen on this port this time (default 4600; 0 takes a free one); "port" in config.json keeps one',
      min: 0,
      max: 65_535,
    },
    hub: { type: 'flag', summary: 'order logs for others only: no sources, no keys of sealed spaces' },
    store: { type: 'text', value: 'ADDRESS', summary: 'of a hub: keep its store in this PostgreSQL database, which other hubs may share' },
    objects: {
      type: 'text',
      value: 'ADDRESS',
      summary: 'of a hub: keep chunks in this bucket (s3://… or azure://…), which other hubs may share',
    },
    sameMachine: { type: 'flag', summary: 'this store was copied, and the other one is gone for good: go on as that machine' },
    newMachine: { type: 'flag', summary: 'this store was copied, and the other one goes on: be a new machine' },
    switch: { type: 'flag', summary: 'this store was a hub’s, or a work machine’s: be the other from now on' },
    beginAnew: { type: 'flag', summary: 'this machine left its space: begin a new one, without its history' },
    yes: { type: 'flag', summary: 'do not ask before the first capture' },
  },
  examples: [
    'satchel up',
    'satchel up --host 0.0.0.0',
    'satchel up --hub --port 4600',
    'satchel up --hub --store postgres://satchel@db.example.org/satchel',
    'satchel up --hub --objects s3://bucket/satchel?endpoint=https://minio.example.org',
  ],
  notes:
    'Stops at Ctrl-C. On a machine that left (satchel leave) it begins a new space only when told to. On a terminal it says, while it runs, when a machine joined, a conflict came up, or something waits for an answer. Captures into the store in SATCHEL_HOME; sends nothing anywhere before another machine was invited or a remote added.\nJSON, at its end: {stopped}; where it was not to begin {started: false}.',
  longRunning: true,
  async run(context): Promise<CommandResult> {
    const { options } = context;
    const copy = copyAnswer(options);
    const configAs = (hub: boolean): Promise<Config> =>
      context.config({
        host: options.host,
        port: options.port,
        store: options.store,
        objects: options.objects,
        ...(hub ? { hub: true } : {}),
      });
    let config = await configAs(options.hub);
    forHubsAlone(context, config);
    const { openNode } = await import('./ask-in-process.ts');
    const { isStarted, nodeHome, prepareHome } = await import('../node/home.ts');
    const { forgetWaiting, noteWaiting } = await import('../node/waiting.ts');
    const home = nodeHome(config.environment.home);
    // Asked before anything is made: a no leaves nothing behind.
    const wasStarted = await isStarted(home);
    const elsewhere = ({ host, port }: Partial<Pick<Config, 'host' | 'port'>>): string =>
      context.again({ ...(host === undefined ? {} : { host }), ...(port === undefined ? {} : { port }) });
    await mayListen(config, home, { wasStarted, elsewhere });
    const isFirst = !config.hub && !wasStarted;
    if (isFirst && !options.yes && !(await mayCapture(context, config))) return NOT_BEGUN;
    return wasStarted ? begin() : orLeaveNothing(home, begin);

    async function begin(): Promise<CommandResult> {
      await mayServe(config, home, elsewhere);
      for (let said = false; ; said = true) {
        try {
          const node = await openNode(config, 'up', {
            copy,
            onBucket: sayFirstBucket(context),
            ...(said ? {} : { onAsked: saySilent(context) }),
          });
          if (said) await forgetWaiting(home);
          try {
            if (!options.beginAnew && !(await mayBegin(context, node))) return NOT_BEGUN;
            await keepRole(context, node, options.switch);
            await keepStore(context, config);
            const usualPort = (options.port ?? 0) === 0 ? null : (await context.config()).port;
            return await runUp(context, node, config, { ask: !options.yes && !isFirst, elsewhere, usualPort });
          } finally {
            await node.close();
          }
        } catch (error) {
          if (error instanceof CommandFailure && error.type === 'copied') throw copiedFailure(context, error);
          // As a service starts it, which knows nothing of what the store is.
          if (error instanceof CommandFailure && error.type === 'is-hub' && !config.hub) {
            config = await configAs(true);
            context.print('The store here is a hub’s: it goes on as one.');
            continue;
          }
          const isAway = error instanceof CommandFailure && error.type === 'store-unavailable';
          if ((!isAway && !isDiskFull(error)) || context.signal.aborted) throw error;
          const why = isAway ? `${error.message}. Trying again` : `The disk is full: waiting for room where ${config.environment.home} is`;
          if (!said) context.print(`${why}. Ctrl-C stops it.`);
          // What there is no room for is not written down.
          if (isAway) await prepareHome(home);
          if (isAway) await noteWaiting(home, error.message);
          await context.clock.sleep(isAway ? LOOK_FOR_STORE_EVERY : LOOK_FOR_ROOM_EVERY, context.signal);
          if (context.signal.aborted && isAway) await forgetWaiting(home);
          if (context.signal.aborted) return { human: 'Stopped.', json: { stopped: true }, exit: EXIT.ok };
        }
      }
    }
  },
});

/** What is refused before this machine has keys leaves its home as it was. */
async function orLeaveNothing(home: NodeHome, begin: () => Promise<CommandResult>): Promise<CommandResult> {
  const { isStarted } = await import('../node/home.ts');
  const before = await entriesOf(home.root);
  let isOthers = false;
  try {
    return await begin();
  } catch (error) {
    isOthers = error instanceof CommandFailure && error.type === 'running';
    throw error;
  } finally {
    if (!isOthers && !(await isStarted(home))) await removeAllBut(before, home.root);
  }
}

/**
 * Throws where it could not listen, or a file that it would serve with is wrong: before a database is claimed, be it by a home that has keys
 * already, as one that was prepared. Where the store is in use, that is what there is to say, and who uses it has the port; and a work
 * machine that ran, and takes the usual port, may take another one, by what its store says.
 */
async function mayListen(
  config: Config,
  home: NodeHome,
  { wasStarted, elsewhere }: { readonly wasStarted: boolean; readonly elsewhere: ElsewhereText },
): Promise<void> {
  const { isHeld } = await import('../node/node-lock.ts');
  if (await isHeld(home)) return;
  if (!wasStarted || config.hub || config.isPortChosen) await portFor(config, { elsewhere, isKnown: wasStarted });
}

/** Throws where a file that it would serve with is wrong. */
async function mayServe(config: Config, home: NodeHome, elsewhere: ElsewhereText): Promise<void> {
  const { checkServed } = await import('../node/serve-node.ts');
  try {
    await checkServed(config, home);
  } catch (error) {
    throw await listenFailure(error, config, elsewhere);
  }
}

/** The same refusal, with remedies that carry all that `up` was given. */
function copiedFailure({ again }: Pick<CommandContext, 'again'>, { exit, type, message }: CommandFailure): CommandFailure {
  const next = `If the other store is gone for good: ${again({ sameMachine: true })}. If it goes on: ${again({ newMachine: true })}`;
  return new CommandFailure(exit, type, message, { next });
}

/** Said before anything is made, and before anybody is asked for what would be captured. */
function forHubsAlone({ again }: Pick<CommandContext, 'again'>, { hub, store, objects }: Config): void {
  if (hub || (store === undefined && objects === undefined)) return;
  const what = store === undefined ? 'chunks in a bucket' : 'its store in a database';
  throw new CommandFailure(EXIT.usage, 'usage', `only a hub keeps ${what}, for others`, {
    next: `Run: ${again({ hub: true })}; or set "hub": true in config.json`,
  });
}

/** A machine that left begins nothing by itself. Loads nothing where it takes part in a space. */
async function mayBegin(context: CommandContext, node: SatchelNode): Promise<boolean> {
  if (node.config.hub || node.spaces.size > 0) return true;
  const { listLeft } = await import('../node/left-spaces.ts');
  const left = await listLeft(node.store);
  return left.length === 0 || (await import('./begin-anew.ts')).mayBeginAnew(context, left);
}

/** What the store is from now on; throws where it was the other, and nobody said that it is to change. */
async function keepRole({ again }: CommandContext, node: SatchelNode, mayChange: boolean): Promise<void> {
  const { noteRole, refuseOtherRole } = await import('../node/node-role.ts');
  try {
    if (!mayChange) await refuseOtherRole(node);
  } catch (error) {
    const { OperationFailure } = await import('../node/operations/operation.ts');
    if (!(error instanceof OperationFailure)) throw error;
    const { exit, type, message, next } = toFailure(error);
    const work = { hub: false, store: undefined, objects: undefined };
    const beside = `Run: ${again(work)}. A hub beside it: SATCHEL_HOME=FOLDER ${again({ hub: true, port: 'N' })}. To make it one all the same: ${again({ hub: true, switch: true })}`;
    throw new CommandFailure(exit, type, message, { next: type === 'is-work' ? beside : (next ?? beside), cause: error });
  }
  await noteRole(node, node.config.hub ? 'hub' : 'work');
}

/** Other commands, and the next start, find the database by config.json. */
async function keepStore(
  {
    options,
    print,
    environment,
  }: { readonly options: { readonly store: string | undefined } } & Pick<CommandContext, 'print' | 'environment'>,
  config: Config,
): Promise<void> {
  const { store } = options;
  if (store === undefined) return;
  const { loadConfig } = await import('../config/config.ts');
  const kept = await loadConfig({ ...environment, settings: {} });
  if (kept.ok && kept.value.store === store && kept.value.hub) return;
  const { saveSettings } = await import('../node/save-settings.ts');
  await saveSettings(config.file, () => ({ hub: true, store }));
  print(`The store is kept in ${store}, as ${config.file} says from now on.`);
}

function copyAnswer({ sameMachine, newMachine }: { readonly sameMachine: boolean; readonly newMachine: boolean }): CopyAnswer | undefined {
  if (sameMachine && newMachine) throw new CommandFailure(EXIT.usage, 'usage', 'a copy is the same machine or a new one, not both');
  return sameMachine ? 'same-machine' : newMachine ? 'new-machine' : undefined;
}

const NOT_BEGUN: CommandResult = { human: 'Nothing was captured, nothing was written.', json: { started: false }, exit: EXIT.ok };

/** Starts an open node and stays until the signal. Shared by `up` and `join`. */
export async function runUp(
  context: CommandContext,
  node: SatchelNode,
  config: Config,
  {
    ask,
    elsewhere,
    usualPort = null,
  }: {
    readonly ask: boolean;
    readonly elsewhere: ElsewhereText;
    /** What the next start takes that is told no port; `null`: this one. */
    readonly usualPort?: number | null;
  },
): Promise<CommandResult> {
  const { print, style, signal } = context;
  if (!config.hub && node.spaces.size === 0) {
    if (ask && !(await mayCapture(context, config))) return NOT_BEGUN;
    await node.ensurePersonalSpace();
  }
  await start(context, node, config, elsewhere);
  print(`${style.bold('Satchel')} ${config.hub ? 'hub' : 'node'} ${printable(node.deps.machine.name)} at ${node.address}`);
  if (usualPort !== null && usualPort !== config.port)
    print(
      `Port ${config.port} is for this time: without --port the next start takes ${usualPort === 0 ? 'any free one' : usualPort}, where machines that know this one do not look. To keep it: "port": ${config.port} in ${config.file}`,
    );
  sayMneme(context, node);
  const saidEnough = [sayBucket(context, node), sayRoom(context, node)];
  if (config.hub) print('To keep a machine’s spaces here, run on this hub: satchel invite');
  else {
    const personal = [...node.spaces.values()].sort((a, b) => compareSpaces(a.entry, b.entry))[0];
    const keyless = await sayMissingKeys(context, node);
    if (personal !== undefined && !keyless.includes(personal)) await sayCaptured(context, personal);
    await sayMissingPlaces(context, config);
    await sayMisled(context, node);
    await sayWaiting(context, node);
    if (personal === undefined || !keyless.includes(personal))
      print('To add a machine: run here `satchel invite`, and paste its link on the other machine into: satchel join');
  }
  print('Ctrl-C stops it.');
  // A service has no reader, and does not look.
  const news = config.hub || !context.isTerminal ? Promise.resolve() : (await import('./watch-news.ts')).watchNews(context, node);
  if (!signal.aborted) await once(signal, 'abort');
  await news;
  for (const end of saidEnough) end();
  return { human: 'Stopped.', json: { stopped: true } };
}

function sayMneme({ print }: CommandContext, node: SatchelNode): void {
  const { mneme } = node;
  if (mneme.address !== null) print(`Serving mneme at ${mneme.address}`);
  if (mneme.problem !== null) print(`mneme is not served: ${mneme.problem}. ${mnemeRemedy(node)}`);
  if (mneme.tokenFile !== null) print(`A token for mneme’s clients was made, and stored in ${mneme.tokenFile}`);
}

async function start({ print }: CommandContext, node: SatchelNode, config: Config, elsewhere: ElsewhereText): Promise<void> {
  const port = await portFor(config, { elsewhere, isKnown: isHome(node) });
  try {
    await node.start(port);
  } catch (error) {
    throw await listenFailure(error, { host: config.host, port }, elsewhere);
  }
  if (port === config.port) return;
  const { savePort } = await import('../node/save-port.ts');
  await savePort(config.file, port);
  print(`Port ${config.port} is taken by ${await takenBy(config)}: this node listens on ${port} from now on, as ${config.file} says.`);
}

/** Whether other machines look for a log here: they know the port. */
export function isHome(node: SatchelNode): boolean {
  return [...node.spaces.values()].some(({ entry, replica }) => entry.remote === null && replica.membership.members.size > 1);
}

/** What would be captured, and one question; without a terminal the answer is yes, since capturing stays local. */
async function mayCapture(context: CommandContext, config: Config): Promise<boolean> {
  const { previewTrees } = await import('../node/preview-trees.ts');
  const previews = await previewTrees(config);
  context.print('Satchel would capture into its own store (nothing is sent anywhere, nothing is written here):');
  for (const { id, root, files, bytes } of previews)
    context.print(`  ${id.padEnd(12)} ${String(files).padStart(6)} files  ${formatBytes(bytes).padStart(9)}  ${root}`);
  const answer = await context.ask('Go ahead? [Y/n] ');
  return answer === null || !/^\s*n/i.test(answer);
}

/** The node runs all the same: what is here can be looked at, and other spaces go on. Those of which a key is missing. */
async function sayMissingKeys({ print, style, asCalled }: CommandContext, node: SatchelNode): Promise<OpenSpace[]> {
  const { lacksKey, missingKey } = await import('../node/missing-key.ts');
  const keyless = [...node.spaces.values()].filter(lacksKey);
  for (const open of keyless) {
    const missing = await missingKey(node, open);
    if (missing !== null) print(style.yellow(printable(`${open.entry.name}: ${missing.message}. ${asCalled(missing.remedy)}`)));
  }
  return keyless;
}

/** Folders of which nothing can be captured, and would be: one that is named and not there, and where a file stands in its place. */
async function sayMissingPlaces({ print, style }: CommandContext, config: Config): Promise<void> {
  const { missingPlaces } = await import('../node/missing-places.ts');
  for (const { root, reason, remedy } of missingPlaces(config))
    print(style.yellow(`${printable(root)} ${reason}, so nothing of it is carried. ${remedy}`));
}

/** Of a port that is another one this time, or from now on. */
async function sayMisled({ print, style, asCalled, environment }: CommandContext, node: SatchelNode): Promise<void> {
  const { sayElsewhere } = await import('../node/claude-mem/gateway-url.ts');
  const { readSyncPath } = await import('../node/claude-mem/sync-path.ts');
  const elsewhere = sayElsewhere(await readSyncPath(node.home, environment.claudeMemHome), node);
  if (elsewhere === null) return;
  print(
    style.yellow(asCalled(`${printable(elsewhere)}: what it saves waits. Run: satchel claude-mem connect; then start its worker again`)),
  );
}

async function sayWaiting(context: CommandContext, node: SatchelNode): Promise<void> {
  const { countPending } = await import('../node/pending/count-pending.ts');
  let waiting = 0;
  for (const open of node.spaces.values()) if ((await open.replica.head()) !== null) waiting += await countPending(node, open);
  if (waiting > 0) context.print(`${counted(waiting, 'thing waits', 'things wait')} for your answer. Run: satchel pending`);
}

async function sayCaptured(context: CommandContext, { sources, rows, replica }: OpenSpace): Promise<void> {
  const progress = createAnswerProgress(context, 'Capturing');
  try {
    for (const { source } of [...sources, ...rows]) await source.scan();
  } finally {
    progress.stop();
  }
  const items = (await replica.list()).filter(({ item }) => !HOUSEKEEPING_KINDS.includes(item.kind));
  const bytes = items.reduce((sum, state) => sum + (state.content?.size ?? 0), 0);
  context.print(`Captured: ${counted(items.length, 'item')}, ${formatBytes(bytes)}`);
}
