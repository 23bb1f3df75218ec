import type { SatchelNode } from '../node.ts';
import { CLAUDE_MEM_PREFIX } from './prefix.ts';
import type { SyncPath } from './sync-path.ts';

/** How a worker on this machine reaches the gateway; where the node does not run, how it will, unless it is started with another port. */
export function gatewayUrl({ config, address }: Pick<SatchelNode, 'config' | 'address'>): string {
  const url = new URL(address ?? `http://${config.host}:${config.port}`);
  return url.origin + CLAUDE_MEM_PREFIX;
}

/** That this machine's worker is pointed at this very node, where that does not listen; `null` where it does, or does not run. */
export function sayElsewhere(way: SyncPath, node: Pick<SatchelNode, 'config' | 'address' | 'isLive'>): string | null {
  if (!node.isLive || node.address === null || (way.type !== 'own' && way.type !== 'apart') || way.url === gatewayUrl(node)) return null;
  return `claude-mem’s settings name ${way.url}, and this node listens at ${new URL(node.address).origin}`;
}
