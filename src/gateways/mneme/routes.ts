import type { IncomingMessage, ServerResponse } from 'node:http';
import { BodyUnavailable } from '../../core/replica/workspace.ts';
import { KeyMissing } from '../../core/replica/key-missing.ts';
import { clientOf } from './client.ts';
import { opens, type Keys } from './keys.ts';
import type { FromClient, FromKey, MnemeGateway } from './mneme-gateway.ts';
import { createBodyRoom, withBody } from './read-body.ts';
import { Refusal } from './refusal.ts';
import { BODY_BYTES, isSyncedFile, parseClientId, parseContent, parseRoute, type SyncedFile } from './schema.ts';
import type { ProjectSpaces } from './spaces.ts';
import { awaitEnd, watchEnds } from './watch-ends.ts';

export interface MnemeRoutesDeps {
  readonly gateway: MnemeGateway;
  readonly keys: Keys;
  readonly spaces: Pick<ProjectSpaces, 'projectOf'>;
  /** What only the node's log may see. */
  readonly onFailure: (error: unknown) => void;
}

/** The version that the first server had: clients read no more than `status`. */
const VERSION = '1.0.0';
const BODIES_AT_ONCE = 128 * 1024 * 1024;
const BY_HAND = /^(?:curl|wget|mozilla)\b/i;

/** Answers one request that the listener let in. Rejects never. */
export type MnemeRoutes = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

export function createMnemeRoutes({ gateway, keys, spaces, onFailure }: MnemeRoutesDeps): MnemeRoutes {
  const room = createBodyRoom(BODIES_AT_ONCE);
  const watched = watchEnds((socket) => gateway.arrived(socket));

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = request.url ?? '';
    if (target === '/' || target === '/health')
      return send(response, 200, { status: 'ok', version: VERSION, authRequired: keys.isRequired });
    gateway.arrived(request.socket);
    const caller = await keys.identify(request.headers.authorization);
    const route = parseRoute(target);
    if (!route.ok) throw new Refusal(400, route.error);
    const { method } = request;
    if (route.value === null || !isMethod(route.value.resource, method)) throw new Refusal(404, 'Not found');
    const { projectId, resource, file } = route.value;
    const clientId = parseClientId(request.headers['x-client-id']);
    if (!clientId.ok) throw new Refusal(400, clientId.error);
    const isWrite = method !== 'GET';
    if (isWrite && clientId.value === null) throw new Refusal(400, 'X-Client-Id header required');
    if (!opens(caller.grant, projectId)) throw new Refusal(403, 'API key not granted for this project');
    const project = await spaces.projectOf(projectId, isWrite);
    const { socket } = request;
    const from: FromClient = { client: clientOf(caller.key, clientId.value ?? '', caller.views), socket };
    const onlooker: FromKey = {
      key: caller.key,
      socket,
      isByHand: BY_HAND.test(request.headers['user-agent'] ?? ''),
      isRelayed: request.headers['x-forwarded-for'] !== undefined, // which every proxy has to name
    };

    switch (resource) {
      case 'lock': {
        if (method === 'GET') {
          const lock = await gateway.lockOf(project);
          return send(response, 200, { locked: lock !== null, lock });
        }
        if (method === 'DELETE') {
          const outcome = await gateway.unlock(project, from);
          if (outcome === 'another') throw new Refusal(403, 'Lock held by different client');
          return send(response, 200, outcome === 'released' ? { success: true } : { success: true, message: 'No lock to release' });
        }
        const { isTaken, lock } = await gateway.lock(project, from);
        return isTaken ? send(response, 200, { success: true, lock }) : send(response, 409, { error: 'Lock held by another client', lock });
      }
      case 'heartbeat': {
        const lock = await gateway.heartbeat(project, from);
        if (lock === 'nobody') throw new Refusal(403, 'No lock to extend');
        if (lock === 'another') throw new Refusal(403, 'Lock held by different client');
        return send(response, 200, { success: true, lock });
      }
      case 'files':
        return send(response, 200, { files: await gateway.list(project, onlooker) });
      case 'file': {
        if (method === 'PUT') return put(request, response, file, (name, body) => gateway.push(project, name, body, from));
        if (!isSyncedFile(file)) throw new Refusal(400, 'File not allowed for sync');
        const found = await gateway.read(project, file, onlooker);
        if (found === null) throw new Refusal(404, 'File not found');
        if (!response.shouldKeepAlive) awaitEnd(socket);
        return sendBytes(response, 200, found);
      }
    }
  }

  function put(
    request: IncomingMessage,
    response: ServerResponse,
    file: string,
    push: (file: SyncedFile, body: Uint8Array) => Promise<string>,
  ): Promise<void> {
    return withBody(request, BODY_BYTES, room, async (body) => {
      if (!isSyncedFile(file)) throw new Refusal(403, 'File not allowed for sync');
      const content = parseContent(body);
      if (!content.ok) throw new Refusal(400, content.error);
      send(response, 200, { success: true, mtime: await push(file, content.value) });
    });
  }

  return async (request, response) => {
    watched(request, response);
    try {
      await answer(request, response);
    } catch (error) {
      if (error instanceof Refusal) {
        if (error.status === 401) response.setHeader('www-authenticate', 'Bearer');
        // What is left of such a body is not worth its way here.
        if (error.status === 413) response.setHeader('connection', 'close');
        return send(response, error.status, { error: error.message });
      }
      onFailure(error);
      const isPassing = error instanceof BodyUnavailable || error instanceof KeyMissing;
      send(response, isPassing ? 503 : 500, { error: isPassing ? 'Not available now' : 'Internal server error' });
    }
  };
}

function isMethod(resource: 'lock' | 'heartbeat' | 'files' | 'file', method: string | undefined): boolean {
  const methods = { lock: ['GET', 'POST', 'DELETE'], heartbeat: ['POST'], files: ['GET'], file: ['GET', 'PUT'] };
  return methods[resource].includes(method ?? '');
}

function send(response: ServerResponse, status: number, body: unknown): void {
  sendBytes(response, status, Buffer.from(JSON.stringify(body)));
}

function sendBytes(response: ServerResponse, status: number, body: Uint8Array): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length, 'cache-control': 'no-store' });
  response.end(body);
}
