import { mkdir, open, readFile, rename, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import path from 'node:path';

/**
 * What the bench compares with: the same routes over node:http, the same files on disk, no keys, no merging, no history. A PUT is
 * durable as far as the file goes: written beside it, flushed, renamed. Run as a process: `plain-server.js FOLDER`.
 */
const folder = process.argv[2] as string;
const locks = new Map<string, string>();
let writes = 0;

const server = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => send(response, 500, { error: String(error) }));
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`${typeof address === 'object' ? address?.port : ''}\n`);
});

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, , id = '', what, name = ''] = (request.url ?? '').split('/').map(decodeURIComponent);
  const client = String(request.headers['x-client-id']);
  const file = path.join(folder, id, name);
  if (what === 'lock') {
    locks.set(id, client);
    return send(response, 200, { success: true });
  }
  if (request.method === 'PUT') {
    const parts: Buffer[] = [];
    for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
    const { content } = JSON.parse(Buffer.concat(parts).toString()) as { content: string };
    if (locks.get(id) !== client) return send(response, 403, { error: 'No lock held - acquire lock before writing' });
    await mkdir(path.dirname(file), { recursive: true });
    const fresh = `${file}.${(writes += 1)}`;
    const handle = await open(fresh, 'w');
    await handle.writeFile(content);
    await handle.sync();
    await handle.close();
    await rename(fresh, file);
    return send(response, 200, { success: true, mtime: (await stat(file)).mtime.toISOString() });
  }
  const [content, { mtime }] = await Promise.all([readFile(file, 'utf8'), stat(file)]);
  send(response, 200, { content, mtime: mtime.toISOString() });
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
