import { createApiToken, type StoredToken } from '../gateways/native/api-tokens.ts';
import { ApiError } from '../gateways/native/api-error.ts';
import { isLoopback } from '../gateways/native/guard.ts';
import type { Listener } from '../gateways/native/listener.ts';
import type { HubPart } from '../gateways/native/hub-app.ts';
import type { TlsIdentity } from '../gateways/native/tls-identity.ts';
import type { ClaudeMemGateway } from '../gateways/claude-mem/gateway.ts';
import { RemoteError, type Remote } from '../core/ports/remote.ts';
import type { bridgePersonal } from './claude-mem/bridge-personal.ts';
import type { Config } from '../config/config.ts';
import { bucketRefusal } from './bucket-trouble.ts';
import { writePrivate, type NodeHome } from './home.ts';
import { readMetricsToken } from './metrics/metrics-token.ts';
import { meteredRemote } from './metrics/metered-remote.ts';
import type { ServedMetrics } from './metrics/serve-metrics.ts';
import { createLogAuthority } from './log-authority.ts';
import type { SatchelNode } from './node.ts';
import { loadTlsIdentity, reachableHost, readTlsIdentity } from './own-tls.ts';

/** What a node serves others with, from {@link serveNode} until it is closed. */
export interface Served {
  readonly listener: Listener;
  /** `null` on loopback. */
  readonly tls: TlsIdentity | null;
  readonly claudeMem: ClaudeMemGateway;
  readonly bridge: typeof bridgePersonal;
  /** `null`: nobody asked for it. */
  readonly metrics: ServedMetrics | null;
}

/** Behind a proxy that ends TLS it speaks plainly, to that proxy alone. */
function speaksTls({ host, proxies }: Config): boolean {
  return !isLoopback(host) && proxies.length === 0;
}

/** What a node is to serve with and lies in its home already, read before anything is made. Throws DamagedKeyFile, UnusableMetricsToken. */
export async function checkServed(config: Config, home: NodeHome): Promise<void> {
  if (speaksTls(config)) await readTlsIdentity(home);
  if (config.metrics) await readMetricsToken(home);
}

/** Listens at a port; `touch` is called whenever others use the store. What it needs is loaded here: commands serve nobody. */
export async function serveNode(node: SatchelNode, port: number, touch: () => void): Promise<Served> {
  const { config, deps, store, log } = node;
  const { random, clock, machine } = deps;
  const { token, stored } = createApiToken(['node:read', 'node:write'], random);
  const tokens: StoredToken[] = [stored];
  const tls = speaksTls(config) ? await loadTlsIdentity(node.home, config, clock) : null;
  const routes = await node.options.routes?.(node);
  const { serveClaudeMem } = await import('./claude-mem/serve-claude-mem.ts');
  const { bridgePersonal: bridge } = await import('./claude-mem/bridge-personal.ts');
  const claudeMem = await serveClaudeMem({ feeds: node.claudeMemFeeds, clock, clients: node.claudeMemClients, log });
  const metrics = config.metrics ? await (await import('./metrics/serve-metrics.ts')).serveMetrics(node) : null;
  const { createHubServer } = await import('../gateways/native/hub-server.ts');
  const server = createHubServer({
    remote: meteredRemote(ownLogs(node, touch), node.meter),
    authority: createLogAuthority(store, machine.key.machine, node.heard),
    key: machine.key,
    clock,
    random,
    log,
    tokens: () => Promise.resolve(tokens),
    health: async () => {
      await store.read((tx) => tx.documents.get('health', 'probe'));
      // Seen by this hub alone: another one may be let in.
      const problem = node.objects.bucket?.problem ?? null;
      if (problem?.reason === 'refused') throw new ApiError('unavailable', bucketRefusal(problem));
      await node.room.look();
    },
    away: () => partsAway(node),
    noRoom: (error) => node.room.failed(error),
    version: node.options.version,
    requests: node.meter,
    ...(metrics === null ? {} : { metrics }),
    ...(node.options.limits === undefined ? {} : { limits: node.options.limits }),
    routes: (app) => {
      routes?.(app);
      claudeMem.routes(app);
    },
    upgrade: claudeMem.upgrade,
  });
  const listener = await server.listen({
    host: config.host,
    port,
    ...(config.proxies.length === 0 ? {} : { proxies: config.proxies }),
    names: [
      ...config.names,
      ...(config.publicUrl === undefined ? [] : [new URL(config.publicUrl).hostname]),
      ...(isLoopback(config.host) ? [] : [reachableHost(config)]),
    ],
    ...(tls === null ? {} : { tls }),
    hasPeers: config.store !== undefined,
  });
  await writePrivate(node.home.token, token);
  return { listener, tls, claudeMem: claudeMem.gateway, bridge, metrics };
}

function partsAway({ objects: { bucket }, room }: SatchelNode): HubPart[] {
  const away: HubPart[] = [];
  if (bucket !== undefined && bucket.problem !== null) away.push('bucket');
  if (bucket !== undefined && bucket.stopped.size > 0) away.push('some-bodies');
  if (room.problem !== null) away.push('room');
  return away;
}

/** What other machines see: the logs that are ordered here. Copies of other homes' logs take no appends. */
function ownLogs({ local, spaces }: SatchelNode, touch: () => void): Remote {
  return {
    ...local,
    append: async (space, expected, segment) => {
      if ((spaces.get(space)?.entry.remote ?? null) !== null)
        throw new RemoteError('refused', 'this node keeps only a copy of that log: append at its home remote');
      touch();
      return local.append(space, expected, segment);
    },
    putObjects: (space, batch) => {
      touch();
      return local.putObjects(space, batch);
    },
    getObjects: (space, ids) => {
      touch();
      return local.getObjects(space, ids);
    },
  };
}
