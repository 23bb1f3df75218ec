import type { SatchelNode } from '../node.ts';

/** What a node says that cannot serve mneme, and what to do instead. */
export interface Unservable {
  readonly reason: string;
  readonly next: string;
}

/**
 * Why this node can keep no projects, whatever is configured; `null` where it can. Each project is a space, which one process at a time
 * acts in, and what a client was shown is remembered by the process that showed it: hubs of one database are several.
 */
export function whyNoProjects({ shared }: Pick<SatchelNode, 'shared'>): Unservable | null {
  if (shared === null) return null;
  return {
    reason: 'its store is a database that other hubs may share, and such hubs keep no projects',
    next: 'Serve mneme from a work machine (there: satchel mneme connect), or from a hub that keeps its store in its own folder',
  };
}

/** What to do where this node does not serve mneme though it is to. */
export function mnemeRemedy(node: Pick<SatchelNode, 'shared'>): string {
  return whyNoProjects(node)?.next ?? 'Run: satchel mneme serve --port N';
}
