import { Agent } from 'node:http';
import { createConnection, type NetConnectOpts } from 'node:net';

/**
 * From now on each connection of this process comes from a loopback address of its own, as if it were another machine's: a hub limits
 * requests by address. Linux answers to all of 127.0.0.0/8.
 */
export function dialFromManyAddresses(): void {
  let made = 0;
  Object.assign(Agent.prototype, {
    createConnection(options: NetConnectOpts) {
      const number = (made += 1);
      return createConnection({
        ...options,
        localAddress: `127.${1 + (Math.floor(number / 62_500) % 250)}.${Math.floor(number / 250) % 250}.${1 + (number % 250)}`,
      } as NetConnectOpts);
    },
  });
}
