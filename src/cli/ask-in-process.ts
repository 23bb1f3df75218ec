import { existsSync } from 'node:fs';
import { StoreWasCopied } from '../node/copied-store/settle-copy.ts';
import { isDiskFull } from '../node/disk-full.ts';
import { NodeIsRunning } from '../node/node-lock.ts';
import { isStarted, nodeHome } from '../node/home.ts';
import { SatchelNode, type NodeOptions } from '../node/node.ts';
import { readVersion } from '../node/version.ts';
import { OperationFailure } from '../node/operations/operation.ts';
import { parseInput, runOperation } from '../node/operations/run.ts';
import type { OperationName } from '../node/operations/table.ts';
import type { Config } from '../config/config.ts';
import type { HubApp } from '../gateways/native/hub-app.ts';
import { createAnswerProgress } from './answer-progress.ts';
import { toFailure } from './ask-node.ts';
import { StoreUnavailable } from '../core/ports/store.ts';
import { StoreUnusable } from '../store/store-unusable.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { printable } from './output-style.ts';
import { CommandFailure, type CommandContext } from './frame-command.ts';
import { entriesOf, removeAllBut } from './unbegun-home.ts';
import { waitingFailure } from './waiting-failure.ts';

/** Only a node that serves needs them, and what they load. */
async function loadRoutes(node: SatchelNode): Promise<(app: HubApp) => void> {
  return (await import('../node/operations/routes.ts')).operationRoutes(node);
}

/**
 * Opens this machine's node in this process. Throws CommandFailure where another process runs it.
 * @param purpose as one is told who waits for the store meanwhile.
 */
export async function openNode(
  config: Config,
  purpose: string,
  { copy, onAsked, onBucket }: Pick<NodeOptions, 'copy' | 'onAsked' | 'onBucket'> = {},
): Promise<SatchelNode> {
  try {
    return await SatchelNode.open(config, { version: await readVersion(), routes: loadRoutes, purpose, copy, onAsked, onBucket });
  } catch (error) {
    throw openingFailure(error, config) ?? error;
  }
}

/** Where what is to be done stands in the message. */
const STORE_EXIT: Readonly<Partial<Record<StoreUnusable['reason'], ExitCode>>> = { refused: EXIT.refused, misconfigured: EXIT.usage };

/** Why a store could not be opened, with a way out; `null` for what is no such reason. */
export function openingFailure(error: unknown, config: Config): CommandFailure | null {
  if (isDiskFull(error))
    return new CommandFailure(EXIT.failed, 'disk-full', 'the disk is full', {
      next: `Make room where ${config.environment.home} is`,
      cause: error,
    });
  if (error instanceof StoreUnavailable)
    return new CommandFailure(EXIT.unreachable, 'store-unavailable', error.message, {
      next: error.remedy,
      cause: error,
    });
  if (error instanceof StoreUnusable)
    return new CommandFailure(STORE_EXIT[error.reason] ?? EXIT.failed, `store-${error.reason}`, error.message, {
      next: error.remedy ?? (error.reason in STORE_EXIT ? 'Then run the same again' : 'Run: satchel doctor'),
      cause: error,
    });
  if (error instanceof StoreWasCopied)
    return new CommandFailure(EXIT.refused, 'copied', error.message, {
      next: 'If the other store is gone for good: satchel up --same-machine. If it goes on: satchel up --new-machine',
    });
  if (error instanceof NodeIsRunning)
    return new CommandFailure(EXIT.failed, 'running', error.message, { next: 'Stop it first, or ask it: satchel status' });
  return null;
}

/** What may begin a machine. To everything else one that was never started has nothing to say, and is left as it is. */
const BEGINNINGS: ReadonlySet<OperationName> = new Set(['join', 'recover']);

/** Runs one operation on a node that is opened for it and closed after it. Wrong input is refused before that. */
export async function askInProcess(context: CommandContext, name: OperationName, input: unknown): Promise<unknown> {
  const config = await context.config();
  await checkInput(name, input);
  const home = nodeHome(context.environment.home);
  if (!BEGINNINGS.has(name) && !(await isStarted(home))) throw (await waitingFailure(home)) ?? notStarted(context);
  return useNode(config, name, (node) => runInProcess(context, node, name, input));
}

/**
 * Opens this machine's node for `work`, and closes it. Where a machine was to begin with it and could not (by a link that was used, words that
 * are of no space there, a hub out of reach), it is as it was before: it has not begun. Unless others may know its keys by now: then what
 * was begun stays, is said, and goes on.
 */
export async function useNode<T>(config: Config, purpose: string, work: (node: SatchelNode) => Promise<T>): Promise<T> {
  const { home } = config.environment;
  const before = await entriesOf(home);
  const isNew = before === null || (!before.has('keys') && !before.has('store.db'));
  const node = await openNode(config, purpose);
  let isUnbegun = false;
  try {
    return await work(node);
  } catch (error) {
    if (!isNew || !(error instanceof CommandFailure)) throw error;
    const isRefused = error.exit === EXIT.usage || error.exit === EXIT.refused;
    isUnbegun = node.spaces.size === 0 && (isRefused || !node.introduced);
    throw isUnbegun ? error : begunFailure(error, home);
  } finally {
    await node.close();
    if (isUnbegun) await removeAllBut(before, home);
  }
}

function begunFailure(error: CommandFailure, home: string): CommandFailure {
  return new CommandFailure(
    error.exit,
    error.type,
    `${error.message}. What was begun is kept in ${home}, and the same command goes on with it`,
    {
      next: error.next ?? 'Run the same again',
      details: error.details,
      cause: error,
    },
  );
}

/** Opening a node makes what is missing: wrong input must not get that far. */
export async function checkInput(name: OperationName, input: unknown): Promise<void> {
  try {
    await parseInput(name, input);
  } catch (error) {
    if (error instanceof OperationFailure) throw toFailure(error);
    throw error;
  }
}

/** A store that was restored has no machine yet; one whose keys were lost has none any more. */
function notStarted({ environment }: CommandContext): CommandFailure {
  if (existsSync(nodeHome(environment.home).store))
    return new CommandFailure(
      EXIT.failed,
      'not-started',
      'this machine has a store without keys of its own: it was restored from a backup and not started yet, or its keys were lost',
      { next: 'To let it in as a new machine: satchel join LINK, or satchel keys recover ADDRESS. To start it without: satchel up' },
    );
  return new CommandFailure(EXIT.failed, 'not-started', 'Satchel was not started on this machine yet', {
    next: 'Run: satchel up, or satchel join',
  });
}

export async function runInProcess(context: CommandContext, node: SatchelNode, name: OperationName, input: unknown): Promise<unknown> {
  const progress = createAnswerProgress(context);
  try {
    return await runOperation(node, name, input, {
      progress: (done, total, what) => progress.show({ done, total, what }),
      say: (line) => context.print(printable(line)),
      signal: context.signal,
    });
  } catch (error) {
    if (error instanceof OperationFailure) throw toFailure(error);
    throw error;
  } finally {
    progress.stop();
  }
}
