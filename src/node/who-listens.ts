import { RemoteError } from '../core/ports/remote.ts';
import { discoverHub } from '../remotes/hub/discover-hub.ts';

/** Milliseconds: a node on this very machine, with time to spare. */
const PATIENCE = 2_000;
/** Where a listener on all addresses is found. */
const NEAR: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '[::1]' };

/** What stands in the way at an address of this machine: another Satchel node, or what is none. Asks it, with TLS and without. */
export async function whoListens({ host, port }: { readonly host: string; readonly port: number }): Promise<'node' | 'other'> {
  const near = NEAR[host] ?? (host.includes(':') ? `[${host}]` : host);
  const answers = await Promise.all(['https', 'http'].map((scheme) => isNode(`${scheme}://${near}:${port}`)));
  return answers.includes(true) ? 'node' : 'other';
}

async function isNode(address: string): Promise<boolean> {
  try {
    await discoverHub(address, PATIENCE);
    return true;
  } catch (error) {
    if (error instanceof RemoteError) return false;
    throw error;
  }
}
