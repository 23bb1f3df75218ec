import { HomeMoved, NotAllowed } from '../../core/replica/administer.ts';
import { KeyMissing } from '../../core/replica/key-missing.ts';
import { StoreUnavailable } from '../../core/ports/store.ts';
import { RemoteError } from '../../core/ports/remote.ts';
import { followMoves } from '../move-space.ts';
import { DamagedKeyFile } from '../damaged-key-file.ts';
import { isDiskFull } from '../disk-full.ts';
import { missingKeyFailure } from '../missing-key.ts';
import type { SatchelNode } from '../node.ts';
import { OperationFailure, type OperationContext } from './operation.ts';
import { remoteFailure } from './remote-failure.ts';
import { loadOperation, type OperationName } from './table.ts';

/** Parses the input and runs an operation. Expected refusals are OperationFailure; anything else is a bug. */
export async function runOperation(node: SatchelNode, name: OperationName, input: unknown, context: OperationContext): Promise<unknown> {
  const operation = await loadOperation(name);
  const parsed = await parseInput(name, input);
  try {
    await followMoves(node);
    // A sync that found no space would say that all is done.
    await node.reopened();
    return await operation.run(node, parsed, context);
  } catch (error) {
    if (!(error instanceof HomeMoved)) throw await toFailure(node, error);
  }
  // It learnt on the way where the home of a space is now.
  try {
    await followMoves(node);
    // A sync that found no space would say that all is done.
    await node.reopened();
    return await operation.run(node, parsed, context);
  } catch (error) {
    throw await toFailure(node, error);
  }
}

/** Foreign input → what the operation takes. Throws OperationFailure that names every field that is wrong. */
export async function parseInput(name: OperationName, input: unknown): Promise<unknown> {
  const parsed = (await loadOperation(name)).input.safeParse(input);
  if (parsed.success) return parsed.data;
  const { expectation } = await import('../../config/validation.ts'); // loads zod, which most calls never need
  const issues = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'input'}: ${expectation(issue)}`);
  throw new OperationFailure('usage', 'bad-input', issues.join('; '));
}

async function toFailure(node: SatchelNode, error: unknown): Promise<unknown> {
  if (error instanceof StoreUnavailable) return new OperationFailure('unreachable', 'store-unavailable', error.message, error.remedy);
  if (error instanceof DamagedKeyFile) return new OperationFailure('failed', 'damaged-key', error.message, error.remedy);
  if (error instanceof NotAllowed) return new OperationFailure('refused', 'not-allowed', error.message);
  if (error instanceof KeyMissing)
    return (await someMissingKey(node)) ?? new OperationFailure('refused', 'no-key', error.message, 'Run: satchel doctor');
  if (error instanceof RemoteError) return remoteFailure(error);
  if (isDiskFull(error)) return new OperationFailure('failed', 'disk-full', 'the disk is full', `Make room where ${node.home.root} is`);
  return error;
}

async function someMissingKey(node: SatchelNode): Promise<OperationFailure | null> {
  for (const open of node.spaces.values()) {
    const failure = await missingKeyFailure(node, open);
    if (failure !== null) return failure;
  }
  return null;
}
