import type { RemoteError } from '../../core/ports/remote.ts';
import { OperationFailure } from './operation.ts';

/** What a remote said, as an operation's refusal. */
export function remoteFailure({ type, message }: RemoteError, next?: string): OperationFailure {
  const kind = type === 'unreachable' ? 'unreachable' : type === 'unauthorized' || type === 'refused' ? 'refused' : 'failed';
  return new OperationFailure(kind, type, message, next);
}
