import type { Rate } from './rate-limit.ts';

/** What one hub takes from its callers. Times are milliseconds. */
export interface HubServerLimits {
  /** Requests of one address, whoever it is. */
  readonly requests: Rate;
  /** Challenges and sessions that one address may ask for: an office that comes back after a restart of its hub. */
  readonly proofs: Rate;
  /** Look-ups in mailboxes by one address. */
  readonly mailboxReads: Rate;
  /** Letters and removals by one address. */
  readonly mailboxWrites: Rate;
  readonly connections: number;
  readonly connectionsPerAddress: number;
  /** One more ends the oldest: it may be left over from a link that died. */
  readonly liveStreamsPerMachine: number;
  /** Memory for large bodies in flight, all callers together. */
  readonly bodyBytes: number;
  /** Until a connection's handshake and headers are there. */
  readonly headersTimeout: number;
  /** Until a whole request is there: the largest body at 2 Mbit/s. */
  readonly requestTimeout: number;
  /** A connection on which nothing moves, either way. */
  readonly idleTimeout: number;
  readonly keepAliveTimeout: number;
  /** Until whoever asks whether the hub is well is told that its store does not answer: less than the probes of deploy/ wait (4 s). */
  readonly healthTime: number;
  /** How long a listener whose callers have another place to go still answers what comes on connections that are open, once it closes. */
  readonly lingerTime: number;
  /** How long requests in flight may take to end, once the listener closes. */
  readonly shutdownTimeout: number;
}

export const DEFAULT_LIMITS: HubServerLimits = {
  requests: { burst: 5_000, perSecond: 500 },
  proofs: { burst: 200, perSecond: 10 },
  mailboxReads: { burst: 120, perSecond: 10 },
  mailboxWrites: { burst: 40, perSecond: 1 },
  connections: 2_048,
  connectionsPerAddress: 512,
  liveStreamsPerMachine: 16,
  bodyBytes: 192 * 1024 * 1024,
  headersTimeout: 10_000,
  requestTimeout: 300_000,
  idleTimeout: 60_000,
  keepAliveTimeout: 65_000,
  healthTime: 3_000,
  lingerTime: 1_000,
  shutdownTimeout: 5_000,
};
