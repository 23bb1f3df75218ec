import type { Operation } from './operation.ts';

/**
 * Every operation by its name, which is also its route: `POST /v1/node/NAME`. Loaded when asked for.
 */
export const OPERATIONS = {
  status: async () => (await import('./status.ts')).statusOperation,
  sync: async () => (await import('./sync.ts')).syncOperation,
  invite: async () => (await import('./invite.ts')).inviteOperation,
  join: async () => (await import('./join.ts')).joinOperation,
  log: async () => (await import('./history.ts')).logOperation,
  show: async () => (await import('./history.ts')).showOperation,
  diff: async () => (await import('./history.ts')).diffOperation,
  restore: async () => (await import('./edit.ts')).restoreOperation,
  conflicts: async () => (await import('./edit.ts')).conflictsOperation,
  resolve: async () => (await import('./edit.ts')).resolveOperation,
} as const;

export type OperationName = keyof typeof OPERATIONS;

type Loaded<N extends OperationName> = Awaited<ReturnType<(typeof OPERATIONS)[N]>>;
/** What a caller passes: defaults may be left out. */
export type OperationInput<N extends OperationName> = Partial<Parameters<Loaded<N>['run']>[1]>;
export type OperationOutput<N extends OperationName> = Awaited<ReturnType<Loaded<N>['run']>>;

export function isOperation(name: string): name is OperationName {
  return Object.hasOwn(OPERATIONS, name);
}

export async function loadOperation(name: OperationName): Promise<Operation> {
  return (await OPERATIONS[name]()) as unknown as Operation;
}
