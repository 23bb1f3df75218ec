import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below those that systems hand out (Linux from 32768 on, others from 49152): what ends and is started again at such a port finds it taken now and
 * then, by whoever listened anywhere in between, or connected from it.
 */
const FIRST = 20_000;
const COUNT = 12_000;
/** Processes beside one another have as many each before they come to those of the next. */
const APART = 97;
let next = process.pid * APART;

/** A port of the loopback on which nobody listens, and which is given out to nobody else in this process. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < COUNT; tries += 1) {
    const port = FIRST + (next++ % COUNT);
    if (await isFree(port)) return port;
  }
  throw new Error('no port is free');
}

/** So many of them. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort());
  return ports;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
