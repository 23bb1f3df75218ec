import type { MachineId } from '../core/ids.ts';
import { RemoteError } from '../core/ports/remote.ts';
import { discoverHub } from '../remotes/hub/discover-hub.ts';

/** Milliseconds: a node on this very machine, with time to spare. */
const PATIENCE = 2_000;
/** Where a listener on all addresses is found. */
const NEAR: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '[::1]' };

/**
 * What has an address of this machine that somebody else wants, in words: this very node (where its machine is given), another Satchel node and which
 * machine that is, or what is none. Asks it, with TLS and without.
 */
export async function takenBy({ host, port }: { readonly host: string; readonly port: number }, own?: MachineId): Promise<string> {
  const near = NEAR[host] ?? (host.includes(':') ? `[${host}]` : host);
  const answers = await Promise.all(['https', 'http'].map((scheme) => machineAt(`${scheme}://${near}:${port}`)));
  const machine = answers.find((answer) => answer !== null);
  if (machine === undefined) return 'another program';
  return machine === own ? 'this node itself' : `another Satchel node (machine ${machine.slice(0, 8)})`;
}

/** As what answers there says of itself: nothing is proven. */
async function machineAt(address: string): Promise<string | null> {
  try {
    return (await discoverHub(address, PATIENCE)).hubKey ?? null;
  } catch (error) {
    if (error instanceof RemoteError) return null;
    throw error;
  }
}
