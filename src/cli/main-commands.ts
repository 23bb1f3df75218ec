import type { CommandEntry } from './frame-parser.ts';

const SYSTEM = 'This machine as a system:';

/** Every command, in the order in which help lists them. Modules are loaded when they run. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'service',
    group: SYSTEM,
    summary: 'Start the node with the machine: install, remove, status',
    load: async () => (await import('./service.ts')).serviceCommand,
  },
];
