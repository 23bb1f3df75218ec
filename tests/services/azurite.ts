import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startNodeService } from './child-service.ts';

/** Azurite, Microsoft's emulator of Azure Blob Storage, with empty containers. */
export interface Azurite {
  readonly endpoint: string;
  readonly account: string;
  /** Base64. */
  readonly key: string;
  readonly makeContainer: (name: string) => Promise<void>;
  readonly stop: () => Promise<void>;
}

const ACCOUNT = 'devstoreaccount1';
const KEY = Buffer.from('test-service-account-key').toString('base64');

/** In a temporary folder, at a free port, without telemetry. Takes 1–2 s. */
export async function startAzurite(): Promise<Azurite> {
  const folder = await mkdtemp(join(tmpdir(), 'satchel-azurite-'));
  const main = createRequire(import.meta.url).resolve('azurite/dist/src/blob/main.js');
  const quiet = ['--silent', '--disableTelemetry', '--skipApiVersionCheck', '--loose'];
  const service = await startNodeService(
    [main, '--blobHost', '127.0.0.1', '--blobPort', '0', '--location', folder, ...quiet],
    /successfully listens on (http:\S+)/,
    { AZURITE_ACCOUNTS: `${ACCOUNT}:${KEY}` },
  );
  const endpoint = `${service.said}/${ACCOUNT}`;
  return {
    endpoint,
    account: ACCOUNT,
    key: KEY,
    async makeContainer(name) {
      const { ContainerClient, StorageSharedKeyCredential } = await import('@azure/storage-blob');
      await new ContainerClient(`${endpoint}/${name}`, new StorageSharedKeyCredential(ACCOUNT, KEY)).create();
    },
    async stop() {
      await service.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
