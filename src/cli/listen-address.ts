import { createServer } from 'node:net';
import type { Config } from '../config/config.ts';
import { EXIT } from './exit-codes.ts';
import { CommandFailure } from './frame-command.ts';

type Address = Pick<Config, 'host' | 'port'>;

/** Throws CommandFailure where a node could not listen at this address, before anything is made for it. */
export async function checkAddress(address: Address): Promise<void> {
  const probe = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      probe.once('error', reject);
      probe.listen({ host: address.host, port: address.port, exclusive: true }, resolve);
    });
  } catch (error) {
    throw listenFailure(error, address);
  }
  await new Promise<void>((resolve) => probe.close(() => resolve()));
}

/** What a failure to listen means to a person; the failure itself where that is not known. */
export function listenFailure(error: unknown, { host, port }: Address): unknown {
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
        next: 'Choose another: satchel up --port 4601',
        cause: error,
      });
    case 'EACCES':
      return new CommandFailure(EXIT.failed, 'port-not-allowed', `port ${port} is not for this user to listen on`, {
        next: 'Choose one above 1023: satchel up --port 4600',
        cause: error,
      });
    default:
      return error;
  }
}
