import type { CommandEntry } from './frame-parser.ts';

const DAILY = 'Daily life:';
const SYSTEM = 'This machine as a system:';
const OTHERS = 'Other systems:';

/** Every command, in the order in which help lists them. Modules are loaded when they run. */
export const COMMANDS: readonly CommandEntry[] = [
  { name: 'up', group: DAILY, summary: 'Run this machine’s node in the foreground', load: async () => (await import('./up.ts')).upCommand },
  {
    name: 'join',
    group: DAILY,
    summary: 'Join another machine’s spaces, or a hub',
    load: async () => (await import('./join.ts')).joinCommand,
  },
  { name: 'invite', group: DAILY, summary: 'Let another machine in', load: async () => (await import('./invite.ts')).inviteCommand },
  {
    name: 'status',
    group: DAILY,
    summary: 'Whether everything is in sync, and if not why',
    load: async () => (await import('./status.ts')).statusCommand,
  },
  {
    name: 'sync',
    group: DAILY,
    summary: 'Capture, send, fetch and apply once, now',
    load: async () => (await import('./sync.ts')).syncCommand,
  },
  {
    name: 'log',
    group: DAILY,
    summary: 'What changed, when and on which machine',
    load: async () => (await import('./log.ts')).logCommand,
  },
  {
    name: 'show',
    group: DAILY,
    summary: 'Print an item, now or at a revision',
    load: async () => (await import('./show.ts')).showCommand,
  },
  {
    name: 'diff',
    group: DAILY,
    summary: 'What changed in an item',
    load: async () => (await import('./diff.ts')).diffCommand,
  },
  {
    name: 'restore',
    group: DAILY,
    summary: 'Bring an earlier version of an item back',
    load: async () => (await import('./restore.ts')).restoreCommand,
  },
  {
    name: 'conflicts',
    group: DAILY,
    summary: 'Where both versions were kept',
    load: async () => (await import('./conflicts.ts')).conflictsCommand,
  },
  {
    name: 'resolve',
    group: DAILY,
    summary: 'Settle an open conflict',
    load: async () => (await import('./resolve.ts')).resolveCommand,
  },
  {
    name: 'pending',
    group: DAILY,
    summary: 'What waits for your answer before it is put in place',
    load: async () => (await import('./pending.ts')).pendingCommand,
  },
  {
    name: 'approve',
    group: DAILY,
    summary: 'Put in place what waits',
    load: async () => (await import('./approve.ts')).approveCommand,
  },
  {
    name: 'reject',
    group: DAILY,
    summary: 'Leave out what waits',
    load: async () => (await import('./reject.ts')).rejectCommand,
  },
  {
    name: 'search',
    group: DAILY,
    summary: 'Find what your agent knows: memories, sessions, files of all machines',
    load: async () => (await import('./search.ts')).searchCommand,
  },
  {
    name: 'sessions',
    group: DAILY,
    summary: 'The sessions of all your machines: search, restore',
    load: async () => (await import('./sessions.ts')).sessionsCommand,
  },
  {
    name: 'projects',
    group: DAILY,
    summary: 'The projects that sessions belong to, and their folders here: list, map',
    load: async () => (await import('./projects.ts')).projectsCommand,
  },
  {
    name: 'leave',
    group: DAILY,
    summary: 'Stop taking part: your files stay, the service and unfinished writes go',
    load: async () => (await import('./leave.ts')).leaveCommand,
  },
  {
    name: 'doctor',
    group: DAILY,
    summary: 'Check everything and say what to do; changes nothing',
    load: async () => (await import('./doctor.ts')).doctorCommand,
  },
  {
    name: 'machines',
    group: SYSTEM,
    summary: 'The machines of your spaces: list, revoke, role, rename',
    load: async () => (await import('./machines.ts')).machinesCommand,
  },
  {
    name: 'spaces',
    group: SYSTEM,
    summary: 'The spaces of this machine: list, move',
    load: async () => (await import('./spaces.ts')).spacesCommand,
  },
  {
    name: 'remotes',
    group: SYSTEM,
    summary: 'Where logs may be kept: list, add, remove',
    load: async () => (await import('./remotes.ts')).remotesCommand,
  },
  {
    name: 'keys',
    group: SYSTEM,
    summary: 'Keys and the recovery key: list, recovery, recover',
    load: async () => (await import('./keys.ts')).keysCommand,
  },
  {
    name: 'leases',
    group: SYSTEM,
    summary: 'Named locks on this node: list, release',
    load: async () => (await import('./leases.ts')).leasesCommand,
  },
  {
    name: 'audit',
    group: SYSTEM,
    summary: 'Who changed what in a space’s membership and keys',
    load: async () => (await import('./audit.ts')).auditCommand,
  },
  {
    name: 'forget',
    group: DAILY,
    summary: 'Erase an item’s bodies on all machines, for ever',
    load: async () => (await import('./forget.ts')).forgetCommand,
  },
  {
    name: 'store',
    group: SYSTEM,
    summary: 'What is kept here: sizes, backup, restore, verify, prune',
    load: async () => (await import('./store.ts')).storeCommand,
  },
  {
    name: 'service',
    group: SYSTEM,
    summary: 'Start the node with the machine: install, remove, status',
    load: async () => (await import('./service.ts')).serviceCommand,
  },
  {
    name: 'claude-mem',
    group: OTHERS,
    summary: 'claude-mem’s own sync, its projects, what wedges it: serve, connect, disconnect, import, projects, repair',
    load: async () => (await import('./claude-mem.ts')).claudeMemCommand,
  },
  {
    name: 'mneme',
    group: OTHERS,
    summary: 'The mneme sync server, by this node: status, serve, connect, disconnect, import',
    load: async () => (await import('./mneme.ts')).mnemeCommand,
  },
];
