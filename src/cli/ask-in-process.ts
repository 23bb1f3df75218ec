import { StoreWasCopied, type CopyAnswer } from '../node/copied-store/settle-copy.ts';
import { isDiskFull } from '../node/disk-full.ts';
import { NodeIsRunning } from '../node/node-lock.ts';
import { isStarted, nodeHome } from '../node/home.ts';
import { readVersion, SatchelNode } from '../node/node.ts';
import { OperationFailure } from '../node/operations/operation.ts';
import { parseInput, runOperation } from '../node/operations/run.ts';
import type { OperationName } from '../node/operations/table.ts';
import type { Config } from '../config/config.ts';
import type { HubApp } from '../gateways/native/hub-app.ts';
import { createAnswerProgress } from './answer-progress.ts';
import { toFailure } from './ask-node.ts';
import { StoreUnusable } from '../store/store-unusable.ts';
import { EXIT } from './exit-codes.ts';
import { CommandFailure, type CommandContext } from './frame-command.ts';

/** Only a node that serves needs them, and what they load. */
async function loadRoutes(node: SatchelNode): Promise<(app: HubApp) => void> {
  return (await import('../node/operations/routes.ts')).operationRoutes(node);
}

/** Opens this machine's node in this process. Throws CommandFailure where another process runs it. */
/** @param purpose as one is told who waits for the store meanwhile. */
export async function openNode(config: Config, purpose: string, copy?: CopyAnswer): Promise<SatchelNode> {
  try {
    return await SatchelNode.open(config, { version: await readVersion(), routes: loadRoutes, purpose, copy });
  } catch (error) {
    if (isDiskFull(error))
      throw new CommandFailure(EXIT.failed, 'disk-full', 'the disk is full', {
        next: `Make room where ${config.environment.home} is`,
        cause: error,
      });
    if (error instanceof StoreUnusable)
      throw new CommandFailure(EXIT.failed, `store-${error.reason}`, error.message, { next: 'Run: satchel doctor', cause: error });
    if (error instanceof StoreWasCopied)
      throw new CommandFailure(EXIT.refused, 'copied', error.message, {
        next: 'If the other store is gone for good: satchel up --same-machine. If it goes on: satchel up --new-machine',
      });
    if (error instanceof NodeIsRunning)
      throw new CommandFailure(EXIT.failed, 'running', error.message, { next: 'Stop it first, or ask it: satchel status' });
    throw error;
  }
}

/** What may begin a machine. To everything else one that was never started has nothing to say, and is left as it is. */
const BEGINNINGS: ReadonlySet<OperationName> = new Set(['join', 'recover']);

/** Runs one operation on a node that is opened for it and closed after it. Wrong input is refused before that. */
export async function askInProcess(context: CommandContext, name: OperationName, input: unknown): Promise<unknown> {
  const config = await context.config();
  await checkInput(name, input);
  if (!BEGINNINGS.has(name) && !(await isStarted(nodeHome(context.environment.home)))) throw notStarted();
  const node = await openNode(config, name);
  try {
    return await runInProcess(context, node, name, input);
  } finally {
    await node.close();
  }
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

function notStarted(): CommandFailure {
  return new CommandFailure(EXIT.failed, 'not-started', 'Satchel was not started on this machine yet', {
    next: 'Run: satchel up, or satchel join',
  });
}

export async function runInProcess(context: CommandContext, node: SatchelNode, name: OperationName, input: unknown): Promise<unknown> {
  const progress = createAnswerProgress(context);
  try {
    return await runOperation(node, name, input, {
      progress: (done, total, what) => progress.show({ done, total, what }),
      say: (line) => context.print(line),
      signal: context.signal,
    });
  } catch (error) {
    if (error instanceof OperationFailure) throw toFailure(error);
    throw error;
  } finally {
    progress.stop();
  }
}
