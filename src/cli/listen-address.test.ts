import { createServer, type AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { checkAddress, listenFailure, portFor } from './listen-address.ts';

it('takes an address that is free, and leaves it free', async () => {
  await checkAddress({ host: '127.0.0.1', port: 0 });
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await expect(checkAddress({ host: '127.0.0.1', port })).rejects.toMatchObject({ type: 'port-in-use' });
  await new Promise((resolve) => server.close(resolve));
  await checkAddress({ host: '127.0.0.1', port });
  await checkAddress({ host: '127.0.0.1', port });
});

it('refuses an address that is not of this machine', async () => {
  await expect(checkAddress({ host: '192.0.2.1', port: 0 })).rejects.toMatchObject({ type: 'no-such-address' });
});

it('says what a failure means, and leaves others as they are', () => {
  const address = { host: 'localhost', port: 80 };
  expect(listenFailure(Object.assign(new Error('no'), { code: 'EACCES' }), address)).toMatchObject({ type: 'port-not-allowed' });
  const other = Object.assign(new Error('no'), { code: 'EMFILE' });
  expect(listenFailure(other, address)).toBe(other);
});

it('takes the next free port where nobody chose one, unless others look for this node there', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const config = { host: '127.0.0.1', port, hub: false, isPortChosen: false };
  const join = { command: 'join', isKnown: false } as const;
  try {
    expect(await portFor(config, join)).toBeGreaterThan(port);
    const refused = { type: 'port-in-use', next: `Choose another: satchel join --port ${port + 1}` };
    await expect(portFor({ ...config, isPortChosen: true }, join)).rejects.toMatchObject(refused);
    await expect(portFor({ ...config, hub: true }, join)).rejects.toMatchObject(refused);
    await expect(portFor(config, { ...join, isKnown: true })).rejects.toMatchObject(refused);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
  expect(await portFor(config, join)).toBe(port);
});
