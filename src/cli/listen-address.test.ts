import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { expect, it } from 'vitest';
import { checkAddress, listenFailure, portFor } from './listen-address.ts';

const elsewhere = (address: object): string => JSON.stringify(address);

it('takes an address that is free, and leaves it free', async () => {
  await checkAddress({ host: '127.0.0.1', port: 0 });
  const server = createServer((socket) => socket.resume());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await expect(checkAddress({ host: '127.0.0.1', port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await new Promise((resolve) => server.close(resolve));
  await checkAddress({ host: '127.0.0.1', port });
  await checkAddress({ host: '127.0.0.1', port });
});

it('refuses an address that is not of this machine', async () => {
  const config = { host: '192.0.2.1', port: 0, hub: false, isPortChosen: false };
  const refused = { type: 'no-such-address', next: 'All of its addresses: {"host":"0.0.0.0"}' };
  await expect(portFor(config, { elsewhere, isKnown: false })).rejects.toMatchObject(refused);
});

it('says what a failure means, and leaves others as they are', async () => {
  const address = { host: 'localhost', port: 80 };
  const failure = await listenFailure(Object.assign(new Error('no'), { code: 'EACCES' }), address, elsewhere);
  expect(failure).toMatchObject({ type: 'port-not-allowed', next: expect.stringMatching(/above 1023: \{"port":(?!80\})\d+\}/) });
  const other = Object.assign(new Error('no'), { code: 'EMFILE' });
  expect(await listenFailure(other, address, elsewhere)).toBe(other);
});

it('takes the next free port where nobody chose one, unless others look for this node there', async () => {
  const server = createServer((socket) => socket.resume());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const config = { host: '127.0.0.1', port, hub: false, isPortChosen: false };
  const join = { elsewhere, isKnown: false };
  try {
    expect(await portFor(config, join)).toBeGreaterThan(port);
    const next: unknown = expect.stringMatching(/^Choose another: \{"port":\d+\}$/);
    const refused = { type: 'port-in-use', message: expect.stringContaining('another program') as string, next };
    await expect(portFor({ ...config, isPortChosen: true }, join)).rejects.toMatchObject(refused);
    await expect(portFor({ ...config, hub: true }, join)).rejects.toMatchObject(refused);
    await expect(portFor(config, { ...join, isKnown: true })).rejects.toMatchObject(refused);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
  expect(await portFor(config, join)).toBe(port);
});

it('names a port that is free, not merely the next one', async () => {
  const [first, second] = await Promise.all([listening(0), listening(0)]);
  const ports = [first, second].map((server) => (server.address() as AddressInfo).port).toSorted((a, b) => a - b) as [number, number];
  const behind = await listening(ports[0] + 1).catch(() => null); // taken by somebody else: so much the better
  const config = { host: '127.0.0.1', port: ports[0], hub: true, isPortChosen: true };
  try {
    const failure = (await portFor(config, { elsewhere, isKnown: false }).catch((error: unknown) => error)) as { next: string };
    const { port } = JSON.parse(failure.next.slice('Choose another: '.length)) as { port: number };
    expect(port).toBeGreaterThan(ports[0] + 1);
    await checkAddress({ host: '127.0.0.1', port });
  } finally {
    for (const server of [first, second, behind]) server?.close();
  }
});

async function listening(port: number): Promise<Server> {
  const server = createServer((socket) => socket.resume());
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
