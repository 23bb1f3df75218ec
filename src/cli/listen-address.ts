import { createServer } from 'node:net';
import type { Config } from '../config/config.ts';
import { UnusableMetricsToken } from '../node/metrics/unusable-token.ts';
import { EXIT } from './exit-codes.ts';
import { CommandFailure } from './frame-command.ts';

type Address = Pick<Config, 'host' | 'port'>;
export type StartCommand = 'up' | 'join';

/** Throws CommandFailure where a node could not listen at this address, before anything is made for it. */
export async function checkAddress(address: Address, command: StartCommand = 'up'): Promise<void> {
  const probe = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      probe.once('error', reject);
      probe.listen({ host: address.host, port: address.port, exclusive: true }, resolve);
    });
  } catch (error) {
    throw listenFailure(error, address, command);
  }
  await new Promise<void>((resolve) => probe.close(() => resolve()));
}

/** How far behind a port that is taken another one is looked for. */
const NEXT_PORTS = 100;

/**
 * The port for a node that begins at `config`: the one that was chosen; where nobody chose any, and the usual one is
 * taken, the next free one, unless `isKnown`: others look for this node there. Throws CommandFailure.
 */
export async function portFor(config: Address & Pick<Config, 'hub' | 'isPortChosen'>, { command, isKnown }: Beginning): Promise<number> {
  try {
    await checkAddress(config, command);
    return config.port;
  } catch (error) {
    const isTaken = error instanceof CommandFailure && error.type === 'port-in-use';
    if (!isTaken || config.isPortChosen || config.hub || isKnown) throw error;
    for (let port = config.port + 1; port <= Math.min(config.port + NEXT_PORTS, 65_535); port += 1)
      if (await isFree({ host: config.host, port })) return port;
    throw error;
  }
}

export interface Beginning {
  readonly command: StartCommand;
  readonly isKnown: boolean;
}

async function isFree(address: Address): Promise<boolean> {
  return checkAddress(address).then(
    () => true,
    () => false,
  );
}

/** What a failure to listen means to a person; the failure itself where that is not known. */
export function listenFailure(error: unknown, { host, port }: Address, command: StartCommand = 'up'): unknown {
  if (error instanceof UnusableMetricsToken)
    return new CommandFailure(EXIT.usage, 'metrics-token', error.message, { next: 'Or leave "metrics" out of config.json', cause: error });
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new CommandFailure(EXIT.usage, 'no-such-address', `${host} is no address of this machine`, {
        next: 'All of its addresses: satchel up --host 0.0.0.0',
        cause: error,
      });
    case 'EADDRINUSE':
      return new CommandFailure(EXIT.failed, 'port-in-use', `port ${port} on ${host} is taken by another program`, {
        next: `Choose another: satchel ${command} --port ${port < 65_535 ? port + 1 : 4600}`,
        cause: error,
      });
    case 'EACCES':
      return new CommandFailure(EXIT.failed, 'port-not-allowed', `port ${port} is not for this user to listen on`, {
        next: `Choose one above 1023: satchel ${command} --port 4600`,
        cause: error,
      });
    default:
      return error;
  }
}
