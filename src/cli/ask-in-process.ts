import { NodeIsRunning } from '../node/node-lock.ts';
import { readVersion, SatchelNode } from '../node/node.ts';
import { OperationFailure } from '../node/operations/operation.ts';
import { runOperation } from '../node/operations/run.ts';
import type { OperationName } from '../node/operations/table.ts';
import type { Config } from '../config/config.ts';
import type { HubApp } from '../gateways/native/hub-app.ts';
import { showProgress, toFailure } from './ask-node.ts';
import { EXIT } from './exit-codes.ts';
import { CommandFailure, type CommandContext } from './frame-command.ts';

/** Only a node that serves needs them, and what they load. */
async function loadRoutes(node: SatchelNode): Promise<(app: HubApp) => void> {
  return (await import('../node/operations/routes.ts')).operationRoutes(node);
}

/** Opens this machine's node in this process. Throws CommandFailure where another process runs it. */
export async function openNode(config: Config): Promise<SatchelNode> {
  try {
    return await SatchelNode.open(config, { version: await readVersion(), routes: loadRoutes });
  } catch (error) {
    if (error instanceof NodeIsRunning)
      throw new CommandFailure(EXIT.failed, 'running', error.message, { next: 'Stop it first, or ask it: satchel status' });
    throw error;
  }
}

/** Runs one operation on a node that is opened for it and closed after it. */
export async function askInProcess(context: CommandContext, name: OperationName, input: unknown): Promise<unknown> {
  const node = await openNode(await context.config());
  try {
    return await runInProcess(context, node, name, input);
  } finally {
    await node.close();
  }
}

export async function runInProcess(context: CommandContext, node: SatchelNode, name: OperationName, input: unknown): Promise<unknown> {
  try {
    return await runOperation(node, name, input, {
      progress: (done, total, what) => showProgress(context, { done, total, what }),
      say: (line) => context.print(line),
      signal: context.signal,
    });
  } catch (error) {
    if (error instanceof OperationFailure) throw toFailure(error);
    throw error;
  } finally {
    context.progress.stop();
  }
}
