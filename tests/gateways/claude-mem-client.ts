import { once } from 'node:events';
import { WebSocket } from 'ws';

export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** A client of the protocol that does what it is told. */
export interface SyncClient {
  readonly device: string;
  push(ops: readonly unknown[]): Promise<Answer>;
  send(body: string, headers?: Record<string, string>): Promise<Answer>;
  changes(since?: string, limit?: string): Promise<Answer>;
  status(): Promise<Answer>;
  /** An open socket, whose frames are kept. */
  socket(): Promise<{ readonly socket: WebSocket; readonly frames: string[] }>;
}

export async function askGateway(url: string, init: RequestInit): Promise<Answer> {
  const answer = await fetch(url, init);
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

export function createSyncClient(who: {
  readonly url: string;
  readonly token: string;
  readonly user: string;
  readonly device: string;
}): SyncClient {
  const { url, token, user, device } = who;
  const headers = { authorization: `Bearer ${token}`, 'x-user-id': user, 'x-device-id': device };
  const send = (body: string, more: Record<string, string> = {}): Promise<Answer> =>
    askGateway(`${url}/v1/sync/ops`, { method: 'POST', headers: { ...headers, 'content-type': 'application/json', ...more }, body });
  return {
    device,
    send,
    push: (ops) => send(JSON.stringify({ protocol_version: 2, ops })),
    changes: (since = '0', limit = '500') => askGateway(`${url}/v1/sync/changes?since=${since}&limit=${limit}`, { headers }),
    status: () => askGateway(`${url}/v1/sync/status`, { headers }),
    async socket() {
      const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/sync/ws`, { headers });
      const frames: string[] = [];
      socket.on('message', (data, isBinary) => void frames.push(isBinary ? 'binary' : (data as Buffer).toString()));
      await once(socket, 'open');
      return { socket, frames };
    },
  };
}
