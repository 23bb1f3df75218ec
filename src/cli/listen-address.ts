import { createServer } from 'node:net';
import type { Config } from '../config/config.ts';
import { UnusableMetricsToken } from '../node/metrics/unusable-token.ts';
import { EXIT } from './exit-codes.ts';
import { CommandFailure } from './frame-command.ts';

type Address = Pick<Config, 'host' | 'port'>;

/** How a command that starts a node is told to listen elsewhere: `satchel up --hub --port 4602`. */
export type ElsewhereText = (address: Partial<Address>) => string;

/** Throws what the system says where a node could not listen at this address, before anything is made for it. */
export async function checkAddress(address: Address): Promise<void> {
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once('error', reject);
    probe.listen({ host: address.host, port: address.port, exclusive: true }, resolve);
  });
  await new Promise<void>((resolve) => probe.close(() => resolve()));
}

/** How far behind a port that is taken another one is looked for. */
const NEXT_PORTS = 100;
const FIRST_PORT = 4600;

/**
 * The port for a node that begins at `config`: the one that was chosen; where nobody chose any, and the usual one is
 * taken, the next free one, unless `isKnown`: others look for this node there. Throws CommandFailure.
 */
export async function portFor(
  config: Address & Pick<Config, 'hub' | 'isPortChosen'>,
  { elsewhere, isKnown }: { readonly elsewhere: ElsewhereText; readonly isKnown: boolean },
): Promise<number> {
  try {
    await checkAddress(config);
    return config.port;
  } catch (error) {
    const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
    const next = isTaken && !config.isPortChosen && !config.hub && !isKnown ? await nextFree(config) : null;
    if (next !== null) return next;
    throw await listenFailure(error, config, elsewhere);
  }
}

/** `null` where none near is. */
async function nextFree({ host, port }: Address): Promise<number | null> {
  for (let next = Math.max(port + 1, FIRST_PORT); next <= Math.min(port + NEXT_PORTS, 65_535); next += 1)
    if (await isFree({ host, port: next })) return next;
  return null;
}

async function isFree(address: Address): Promise<boolean> {
  return checkAddress(address).then(
    () => true,
    () => false,
  );
}

/** What a failure to listen means to a person, with a place that is free by now; the failure itself where that is not known. */
export async function listenFailure(error: unknown, { host, port }: Address, elsewhere: ElsewhereText): Promise<unknown> {
  if (error instanceof UnusableMetricsToken)
    return new CommandFailure(EXIT.usage, 'metrics-token', error.message, { next: 'Or leave "metrics" out of config.json', cause: error });
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new CommandFailure(EXIT.usage, 'no-such-address', `${host} is no address of this machine`, {
        next: `All of its addresses: ${elsewhere({ host: '0.0.0.0' })}`,
        cause: error,
      });
    case 'EADDRINUSE':
      return new CommandFailure(EXIT.failed, 'port-in-use', `port ${port} on ${host} is taken by ${await takenBy({ host, port })}`, {
        // Beyond the last port, and where a hundred are taken, any free one.
        next: `Choose another: ${elsewhere({ port: (await nextFree({ host, port })) ?? 0 })}`,
        cause: error,
      });
    case 'EACCES':
      return new CommandFailure(EXIT.failed, 'port-not-allowed', `port ${port} is not for this user to listen on`, {
        next: `Choose one above 1023: ${elsewhere({ port: (await nextFree({ host, port: FIRST_PORT - 1 })) ?? 0 })}`,
        cause: error,
      });
    default:
      return error;
  }
}

/** Of a port that is taken: by what. */
export async function takenBy(address: Address): Promise<string> {
  return (await import('../node/who-listens.ts')).takenBy(address);
}
