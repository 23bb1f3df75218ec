import { PlaceDamaged, PlaceLost, RemoteFull, type RemoteError } from '../../core/ports/remote.ts';
import { WrongBucketsFile } from '../bucket-credentials.ts';
import { problemTypeOf } from '../sync-problem.ts';
import { syncRemedy } from '../sync-remedy.ts';
import { OperationFailure } from './operation.ts';

/** What a remote said, as an operation's refusal. */
export function remoteFailure(error: RemoteError, next?: string): OperationFailure {
  const { type, message } = error;
  if (error instanceof WrongBucketsFile) return new OperationFailure('usage', 'config', message, 'Correct it, then run the same again');
  if (error instanceof PlaceDamaged)
    return new OperationFailure('refused', 'place-damaged', message, next ?? syncRemedy('place-damaged', message));
  const kind = type === 'unreachable' ? 'unreachable' : type === 'unauthorized' || type === 'refused' ? 'refused' : 'failed';
  const hasRemedy = error instanceof PlaceLost || error instanceof RemoteFull;
  return new OperationFailure(kind, type, message, next ?? (hasRemedy ? syncRemedy(problemTypeOf(error), message) : undefined));
}
