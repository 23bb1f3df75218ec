import type { Clock } from '../../core/ports/clock.ts';
import type { FileTree } from '../../core/ports/files.ts';
import type { Workspace } from '../../core/replica/workspace.ts';
import type { SeenTree } from './seen-tree.ts';
import type { TreeLimits, TreeRules } from './rules.ts';
import type { TreeMemory } from './tree-memory.ts';

export interface TreeLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** What every part of a source works with. */
export interface TreeContext {
  readonly files: FileTree;
  readonly workspace: Workspace;
  readonly rules: TreeRules;
  readonly clock: Clock;
  readonly log: TreeLog;
  readonly limits: TreeLimits;
  readonly memory: TreeMemory;
  readonly seen?: SeenTree;
}
