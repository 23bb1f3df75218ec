import { execFileSync, spawn } from 'node:child_process';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';

/** Repositories below a folder, by git's smart protocol, for those who know the password. */
export interface GitOverHttp {
  readonly port: number;
  /** Before the path of a repository below the folder, that is the address. */
  readonly prefix: string;
  /** Requests that came without the password, or with another. */
  readonly strangers: () => number;
  /** From now on this page is answered to whatever is asked, as a Wi-Fi or a proxy does; `null`: the repositories again. */
  readonly pretend: (page: string | null) => void;
  readonly stop: () => Promise<void>;
}

/** `git http-backend` behind a server of Node's, with Basic authentication. */
export async function startGitOverHttp(folder: string, user: string, password: string): Promise<GitOverHttp> {
  const backend = join(execFileSync('git', ['--exec-path'], { encoding: 'utf8' }).trim(), 'git-http-backend');
  const expected = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  let strangers = 0;
  let instead: string | null = null;

  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    if (instead !== null) return void response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(instead);
    if (request.headers.authorization !== expected) {
      strangers += 1;
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end('who are you?');
      return;
    }
    const url = new URL(request.url ?? '/', 'http://host');
    const env: Record<string, string> = {
      PATH: process.env['PATH'] ?? '/usr/bin:/bin',
      GIT_PROJECT_ROOT: folder,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_CONFIG_NOSYSTEM: '1',
      HOME: folder,
      PATH_INFO: decodeURIComponent(url.pathname),
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method ?? 'GET',
      REMOTE_USER: user,
      REMOTE_ADDR: '127.0.0.1',
    };
    const headers = {
      CONTENT_TYPE: 'content-type',
      CONTENT_LENGTH: 'content-length',
      HTTP_CONTENT_ENCODING: 'content-encoding',
      GIT_PROTOCOL: 'git-protocol',
    };
    for (const [name, header] of Object.entries(headers)) {
      const value = request.headers[header];
      if (typeof value === 'string') env[name] = value;
    }
    const child = spawn(backend, [], { env, stdio: ['pipe', 'pipe', 'ignore'] });
    child.stdin.on('error', () => undefined);
    request.pipe(child.stdin);
    let head: Buffer | null = Buffer.alloc(0);
    child.stdout.on('data', (chunk: Buffer) => {
      if (head === null) return void response.write(chunk);
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf('\r\n\r\n');
      if (end < 0) return;
      let status = 200;
      for (const line of head.toString('latin1', 0, end).split('\r\n')) {
        const [name = '', value = ''] = line.split(/: (.*)/s);
        if (name.toLowerCase() === 'status') status = Number(value.slice(0, 3));
        else response.setHeader(name, value);
      }
      response.writeHead(status);
      response.write(head.subarray(end + 4));
      head = null;
    });
    child.on('close', () => response.end());
    response.on('close', () => child.kill());
  };

  const server = createServer(serve);
  const port = await new Promise<number>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (address === null || typeof address === 'string') reject(new Error('no port'));
      else resolve(address.port);
    });
  });
  return {
    port,
    prefix: `git+http://127.0.0.1:${port}`,
    strangers: () => strangers,
    pretend: (page) => void (instead = page),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
