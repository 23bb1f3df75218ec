import type { Operation } from './operation.ts';

/**
 * Every operation by its name, which is also its route: `POST /v1/node/NAME`. Loaded when asked for.
 */
export const OPERATIONS = {
  status: async () => (await import('./status.ts')).statusOperation,
  'hub-status': async () => (await import('./hub-status.ts')).hubStatusOperation,
  sync: async () => (await import('./sync.ts')).syncOperation,
  invite: async () => (await import('./invite.ts')).inviteOperation,
  join: async () => (await import('./join.ts')).joinOperation,
  log: async () => (await import('./log.ts')).logOperation,
  show: async () => (await import('./show.ts')).showOperation,
  diff: async () => (await import('./diff.ts')).diffOperation,
  restore: async () => (await import('./edit.ts')).restoreOperation,
  pending: async () => (await import('./pending.ts')).pendingOperation,
  'pending-show': async () => (await import('./pending.ts')).pendingShowOperation,
  'answer-pending': async () => (await import('./pending.ts')).answerPendingOperation,
  sessions: async () => (await import('./sessions.ts')).sessionsOperation,
  'session-restore': async () => (await import('./sessions.ts')).restoreSessionOperation,
  projects: async () => (await import('./projects.ts')).projectsOperation,
  'project-map': async () => (await import('./projects.ts')).mapProjectOperation,
  search: async () => (await import('./search.ts')).searchOperation,
  'search-around': async () => (await import('./search-around.ts')).aroundOperation,
  reindex: async () => (await import('./reindex.ts')).reindexOperation,
  conflicts: async () => (await import('./conflicts.ts')).conflictsOperation,
  machines: async () => (await import('./machines.ts')).machinesOperation,
  'machine-revoke': async () => (await import('./machines.ts')).revokeMachineOperation,
  'machine-role': async () => (await import('./machines.ts')).machineRoleOperation,
  'machine-rename': async () => (await import('./machines.ts')).renameMachineOperation,
  keys: async () => (await import('./keys.ts')).keysOperation,
  'recovery-prepare': async () => (await import('./keys.ts')).prepareRecoveryOperation,
  'recovery-shown': async () => (await import('./keys.ts')).recoveryShownOperation,
  recover: async () => (await import('./keys.ts')).recoverOperation,
  audit: async () => (await import('./audit.ts')).auditOperation,
  spaces: async () => (await import('./spaces.ts')).spacesOperation,
  'space-move': async () => (await import('./spaces.ts')).moveSpaceOperation,
  remotes: async () => (await import('./remotes.ts')).remotesOperation,
  'remote-add': async () => (await import('./remotes.ts')).addRemoteOperation,
  'remote-remove': async () => (await import('./remotes.ts')).removeRemoteOperation,
  doctor: async () => (await import('./doctor.ts')).doctorOperation,
  'leave-plan': async () => (await import('./leave.ts')).leavePlanOperation,
  leave: async () => (await import('./leave.ts')).leaveOperation,
  leases: async () => (await import('./leases.ts')).leasesOperation,
  'lease-release': async () => (await import('./leases.ts')).releaseLeaseOperation,
  resolve: async () => (await import('./conflicts.ts')).resolveOperation,
  storeSizes: async () => (await import('./store.ts')).storeSizesOperation,
  prune: async () => (await import('./store.ts')).pruneOperation,
  verify: async () => (await import('./store.ts')).verifyOperation,
  backup: async () => (await import('./store.ts')).backupOperation,
  forget: async () => (await import('./forget.ts')).forgetOperation,
  'claude-mem-users': async () => (await import('./claude-mem.ts')).claudeMemUsersOperation,
  'claude-mem-token-add': async () => (await import('./claude-mem.ts')).addClaudeMemTokenOperation,
  'claude-mem-token-remove': async () => (await import('./claude-mem.ts')).removeClaudeMemTokenOperation,
  'claude-mem-device-remove': async () => (await import('./claude-mem.ts')).removeClaudeMemDeviceOperation,
  'claude-mem-reconnecting': async () => (await import('./claude-mem.ts')).claudeMemReconnectingOperation,
  'claude-mem-reconnected': async () => (await import('./claude-mem.ts')).claudeMemReconnectedOperation,
  'claude-mem-import': async () => (await import('./claude-mem.ts')).claudeMemImportOperation,
  'claude-mem-projects': async () => (await import('./claude-mem-projects.ts')).claudeMemProjectsOperation,
  'claude-mem-project-place': async () => (await import('./claude-mem-projects.ts')).placeClaudeMemProjectOperation,
  'claude-mem-repair': async () => (await import('./claude-mem.ts')).claudeMemRepairOperation,
  'mneme-serve': async () => (await import('./mneme.ts')).serveMnemeOperation,
  'mneme-status': async () => (await import('./mneme.ts')).mnemeStatusOperation,
  'mneme-token-add': async () => (await import('./mneme.ts')).addMnemeTokenOperation,
  'mneme-token-known': async () => (await import('./mneme.ts')).knownMnemeTokenOperation,
  'mneme-token-remove': async () => (await import('./mneme.ts')).removeMnemeTokenOperation,
  'mneme-import': async () => (await import('./mneme.ts')).importMnemeOperation,
  erasures: async () => (await import('./forget.ts')).erasuresOperation,
} as const;

export type OperationName = keyof typeof OPERATIONS;

/** Those that are given up when the one who asked is gone. All others go on to their end. */
export const ENDS_WITH_ITS_ASKER: ReadonlySet<OperationName> = new Set([
  'join',
  'remote-add',
  'backup',
  'search',
  'search-around',
  'sessions',
  'reindex',
]);

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
