import { Agent as HttpAgent, type AgentOptions, type ClientRequestArgs } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Duplex } from 'node:stream';
import { connect, type ConnectionOptions } from 'node:tls';
import { tlsPinOf } from '../../core/hub-protocol/tls-pin.ts';
import { RemoteError } from '../../core/ports/remote.ts';

const CONNECT_TIMEOUT = 10_000;
/** Connections for requests that come one after the other. */
export const POOL = { keepAlive: true, maxSockets: 8, maxFreeSockets: 4, scheduling: 'lifo', noDelay: true } as const;

/** A live stream holds its connection for as long as it lasts. */
export const ONE_EACH = { keepAlive: false, maxSockets: Number.POSITIVE_INFINITY, noDelay: true } as const;

/** Connections to one hub. With a pin, whatever certificate holds that key is taken, and no other is. */
export function createHubAgent(secure: boolean, tlsPin: string | undefined, options: AgentOptions): HttpAgent {
  if (!secure) return new HttpAgent(options);
  return tlsPin === undefined ? new HttpsAgent({ ...options, minVersion: 'TLSv1.2' }) : new PinnedAgent(tlsPin, options);
}

/** Hands out a socket only after its certificate was checked, so that no byte of a request reaches a wrong hub. */
class PinnedAgent extends HttpsAgent {
  readonly #pin: string;

  constructor(pin: string, options: AgentOptions) {
    super(options);
    this.#pin = pin;
  }

  override createConnection(options: ClientRequestArgs, done?: (error: Error | null, stream: Duplex) => void): Duplex | null | undefined {
    // Authorities and names are not asked: the pin says more than they could.
    const socket = connect({
      ...(options as ConnectionOptions),
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['http/1.1'],
    });
    const finish = (error: Error | null): void => {
      socket.off('error', finish);
      socket.off('secureConnect', check);
      socket.setTimeout(0);
      if (error !== null) socket.destroy();
      done?.(error, socket);
    };
    const check = (): void => {
      const certificate = socket.getPeerX509Certificate();
      const matches = certificate !== undefined && tlsPinOf(certificate) === this.#pin;
      finish(matches ? null : new RemoteError('protocol', 'the hub shows another TLS key than the pinned one'));
    };
    socket.setTimeout(CONNECT_TIMEOUT, () => finish(new Error('the TLS handshake took too long')));
    socket.once('error', finish);
    socket.once('secureConnect', check);
    return undefined;
  }
}
