import { PassThrough } from 'node:stream';
import type { Clock } from '../../../src/core/ports/clock.ts';
import type { Store } from '../../../src/core/ports/store.ts';
import type { Replica } from '../../../src/core/replica/replica.ts';
import { clientOf } from '../../../src/gateways/mneme/client.ts';
import { createMnemeGateway } from '../../../src/gateways/mneme/mneme-gateway.ts';
import { Refusal } from '../../../src/gateways/mneme/refusal.ts';
import { parseRoute, type SyncedFile } from '../../../src/gateways/mneme/schema.ts';
import { givenProject } from '../../../src/kinds/mneme/names.ts';
import type { Answer, Call, Server } from './client.ts';

export const LOCK_LIFETIME = 30 * 60_000;

/** The gateway as its routes use it, without HTTP, so that a test moves the clock. */
export function serveGateway(deps: { readonly store: Store; readonly clock: Clock; readonly replica: () => Replica }): Server {
  const { store, clock, replica } = deps;
  const projectOf = (id: string) => {
    const project = givenProject(id);
    if (!project.ok) throw new Refusal(400, project.error);
    return project.value;
  };
  const gateway = createMnemeGateway({
    store,
    clock,
    lockLifetime: LOCK_LIFETIME,
    spaces: {
      projectOf: async (id) => projectOf(id),
      find: async () => replica(),
      make: async () => replica(),
    },
  });
  const sockets = new WeakMap<object, PassThrough>();

  const answer = async ({ method, path, key, clientId = '', connection, content }: Call): Promise<Answer> => {
    const socket = sockets.get(connection) ?? new PassThrough();
    sockets.set(connection, socket);
    const route = parseRoute(path);
    if (!route.ok || route.value === null) throw new Error(path);
    const project = projectOf(route.value.projectId);
    const from = { client: clientOf(key, clientId), socket };
    const onlooker = { key, socket, isByHand: false, isRelayed: false };
    const file = route.value.file as SyncedFile;
    gateway.arrived(socket);
    switch (`${method} ${route.value.resource}`) {
      case 'POST lock': {
        const { isTaken, lock } = await gateway.lock(project, from);
        return { status: isTaken ? 200 : 409, body: { lock } };
      }
      case 'DELETE lock':
        return { status: (await gateway.unlock(project, from)) === 'another' ? 403 : 200, body: {} };
      case 'GET files':
        return { status: 200, body: { files: await gateway.list(project, onlooker) } };
      case 'GET file': {
        const found = await gateway.read(project, file, onlooker);
        return found === null ? { status: 404, body: {} } : { status: 200, body: JSON.parse(Buffer.from(found).toString()) };
      }
      case 'PUT file':
        return { status: 200, body: { mtime: await gateway.push(project, file, Buffer.from(content ?? ''), from) } };
      default:
        throw new Error(`${method} ${path}`);
    }
  };

  return {
    ended(connection) {
      const socket = sockets.get(connection);
      if (socket !== undefined) gateway.arrived(socket);
    },
    async ask(call) {
      try {
        return await answer(call);
      } catch (error) {
        if (error instanceof Refusal) return { status: error.status, body: { error: error.message } };
        throw error;
      }
    },
  };
}
