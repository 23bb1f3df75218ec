import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import { createSigningKey, type SigningKey } from '../../src/core/crypto/signing.ts';
import type { SpaceId } from '../../src/core/ids.ts';
import type { Remote } from '../../src/core/ports/remote.ts';
import { createApiToken } from '../../src/gateways/native/api-tokens.ts';
import type { HubAuthority, Role } from '../../src/gateways/native/authority.ts';
import type { HubServerDeps } from '../../src/gateways/native/hub-app.ts';
import { createHubServer } from '../../src/gateways/native/hub-server.ts';
import type { Listener, ListenOptions } from '../../src/gateways/native/listener.ts';
import { createHubRemote, type HubRemoteOptions } from '../../src/remotes/hub/hub-remote.ts';
import { createLocalRemote } from '../../src/remotes/local.ts';
import { createLogStoreDouble, createObjectStoreDouble } from '../contracts/memory-store.ts';
import { createTestClock, type TestClock } from '../contracts/test-clock.ts';

/** A hub on loopback with everything in memory, whose members a test decides. */
export interface HubPlace {
  readonly listener: Listener;
  readonly url: string;
  readonly hubKey: SigningKey;
  readonly clock: TestClock;
  /** The remote behind the hub. */
  readonly behind: Remote;
  /** Roles by space and machine; without an entry, everyone owns whatever is there. */
  readonly roles: Map<string, Role | null>;
  readonly authority: { -readonly [K in keyof HubAuthority]: HubAuthority[K] };
  /** A token that may change things, and one that may look. */
  readonly tokens: { readonly write: string; readonly read: string };
  /** What the hub logged, as lines of JSON. */
  readonly logged: string[];
  /** Without patience for a hub that ends, unless the options have some. */
  connect(options?: Partial<HubRemoteOptions>): Remote;
  close(): Promise<void>;
}

export const random = { bytes: (length: number): Uint8Array => new Uint8Array(randomBytes(length)) };

export async function startHub(
  options: { listen?: Partial<ListenOptions>; deps?: Partial<HubServerDeps>; tlsPin?: string } = {},
): Promise<HubPlace> {
  const store = createLogStoreDouble();
  const objects = createObjectStoreDouble();
  const clock = createTestClock();
  const behind = createLocalRemote({ store, objects, clock, address: 'local:' });
  const hubKey = createSigningKey(randomBytes(32));
  const roles = new Map<string, Role | null>();
  const authority: HubAuthority = {
    async roleOf(space, machine) {
      const role = roles.get(`${space}/${machine}`) ?? roles.get(space);
      if (role !== undefined) return role;
      return (await behind.head(space)) === null ? null : 'owner';
    },
    mayCreate: async () => true,
    removalOf: async () => null,
    hasRoom: async () => true,
  };
  const logged: string[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => void logged.push(line) });
  const write = createApiToken(['node:write'], random);
  const read = createApiToken(['node:read'], random);
  const server = createHubServer({
    remote: behind,
    authority,
    key: hubKey,
    clock,
    random,
    log,
    tokens: async () => [write.stored, read.stored],
    health: () => store.read(async () => undefined),
    version: '0.0.0-test',
    ...options.deps,
  });
  const listener = await server.listen({ host: '127.0.0.1', port: 0, ...options.listen });
  return {
    listener,
    url: listener.address,
    hubKey,
    clock,
    behind,
    roles,
    authority,
    tokens: { write: write.token, read: read.token },
    logged,
    connect: (given = {}) =>
      createHubRemote({
        url: listener.address,
        key: hubKey.machine,
        signing: createSigningKey(randomBytes(32)),
        clock,
        random,
        patience: 0,
        ...(options.tlsPin === undefined ? {} : { tlsPin: options.tlsPin }),
        ...given,
      }),
    async close() {
      await listener.close();
      await behind.close();
      await objects.close();
      await store.close();
    },
  };
}

export function roleKey(space: SpaceId, machine: string): string {
  return `${space}/${machine}`;
}
