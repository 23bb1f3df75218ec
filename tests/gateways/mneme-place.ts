import { mkdir, writeFile } from 'node:fs/promises';
import { request as httpRequest, Agent } from 'node:http';
import path from 'node:path';
import type { SatchelNode } from '../../src/node/node.ts';
import { Place } from '../node/place.ts';

export interface MnemeAnswer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: Record<string, unknown>;
}

export interface AskOptions {
  readonly key?: string | null;
  readonly client?: string;
  readonly body?: string | Buffer;
  readonly headers?: Record<string, string>;
  readonly agent?: Agent;
}

/** A node that serves mneme, on free ports. */
export class MnemePlace {
  readonly place: Place;
  readonly machine: string;
  node: SatchelNode;
  token: string;
  private constructor(place: Place, machine: string, node: SatchelNode, token: string) {
    this.place = place;
    this.machine = machine;
    this.node = node;
    this.token = token;
  }

  static async create(
    options: { readonly config?: Record<string, unknown>; readonly seed?: unknown; readonly hub?: boolean; readonly machine?: string } = {},
    place?: Place,
  ): Promise<MnemePlace> {
    const where = place ?? (await Place.create());
    const machine = options.machine ?? 'ana';
    const home = where.home(machine);
    await mkdir(path.join(home, '.satchel'), { recursive: true, mode: 0o700 });
    const mneme = { enabled: true, port: 0, rateLimitPerMinute: 1_000_000, ...options.config };
    await writeFile(path.join(home, '.satchel', 'config.json'), JSON.stringify({ mneme }), { mode: 0o600 });
    if (options.seed !== undefined) {
      await mkdir(path.join(home, '.mneme-server'), { recursive: true });
      const text = typeof options.seed === 'string' ? options.seed : JSON.stringify(options.seed);
      await writeFile(path.join(home, '.mneme-server', 'config.json'), text);
    }
    const node = await where.start(machine, { hub: options.hub === true });
    const { token } = await node.mneme.tokens.add('test', { projects: null });
    return new MnemePlace(where, machine, node, token);
  }

  get url(): string {
    if (this.node.mneme.address === null) throw new Error(`not served: ${this.node.mneme.problem}`);
    return this.node.mneme.address;
  }

  async restart(): Promise<void> {
    await this.place.stop(this.machine);
    this.node = await this.place.start(this.machine, { hub: this.node.config.hub });
  }

  ask(method: string, target: string, { key, ...options }: AskOptions = {}): Promise<MnemeAnswer> {
    return askMneme(this.url, method, target, { key: key === undefined ? this.token : key, ...options });
  }

  lock(project: string, client: string, options: AskOptions = {}): Promise<MnemeAnswer> {
    return this.ask('POST', `/projects/${encodeURIComponent(project)}/lock`, { client, ...options });
  }

  unlock(project: string, client: string, options: AskOptions = {}): Promise<MnemeAnswer> {
    return this.ask('DELETE', `/projects/${encodeURIComponent(project)}/lock`, { client, ...options });
  }

  put(project: string, file: string, content: string, client: string, options: AskOptions = {}): Promise<MnemeAnswer> {
    const body = JSON.stringify({ content });
    return this.ask('PUT', `/projects/${encodeURIComponent(project)}/files/${file}`, { client, body, ...options });
  }

  get(project: string, file: string, options: AskOptions = {}): Promise<MnemeAnswer> {
    return this.ask('GET', `/projects/${encodeURIComponent(project)}/files/${file}`, options);
  }

  async close(): Promise<void> {
    await this.place.dispose();
  }
}

/** The path goes out as it is written here. A body goes chunked, as clients send it. */
export function askMneme(
  url: string,
  method: string,
  target: string,
  { key = null, client, body, headers = {}, agent }: AskOptions,
): Promise<MnemeAnswer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const sent = httpRequest(
      {
        method,
        hostname,
        port,
        path: target,
        ...(agent === undefined ? {} : { agent }),
        headers: {
          ...(key === null ? {} : { authorization: `Bearer ${key}` }),
          ...(client === undefined ? {} : { 'x-client-id': client }),
          ...headers,
        },
      },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(parts).toString();
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
          });
        });
      },
    );
    sent.on('error', reject);
    if (body !== undefined) sent.write(body);
    sent.end();
  });
}
