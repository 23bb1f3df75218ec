import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run, versionOf } from '../measured-process.ts';
import type { Measurement, Peer, Place } from '../peer.ts';
import { cpuSecondsOf } from '../process-figures.ts';

const FOLDER = 'bench';
const KEY = 'bench-api-key';
const DEADLINE_MS = 300_000;

interface Device {
  readonly id: string;
  readonly api: string;
  readonly process: ChildProcess;
}

/** Two Syncthing daemons over TCP on loopback, told to scan: what its watcher would wait (10 s) is not counted. */
export const syncthingPeer: Peer = {
  name: 'syncthing',
  available: () => versionOf(['syncthing', '--version']),
  async open(place) {
    const [source, target] = await startBoth(place);
    const devices = [source, target];
    const sync = async (): Promise<Measurement> => {
      const bytesBefore = await sentBytes(source);
      const cpuBefore = await cpuSecondsOf(devices.map((device) => device.process.pid!));
      const began = performance.now();
      await call(source, 'POST', `/rest/db/scan?folder=${FOLDER}`);
      await untilSynced(source, target);
      const seconds = (performance.now() - began) / 1000;
      const cpuAfter = await cpuSecondsOf(devices.map((device) => device.process.pid!));
      const cpuSeconds = cpuBefore === null || cpuAfter === null ? null : cpuAfter - cpuBefore;
      return { seconds, cpuSeconds, wireBytes: (await sentBytes(source)) - bytesBefore };
    };
    return {
      firstSync: sync,
      noChange: sync,
      edit: sync,
      async close() {
        for (const device of devices) await stop(device.process);
      },
    };
  },
};

async function startBoth({ source, target, work }: Place): Promise<[Device, Device]> {
  const sides = await Promise.all(
    [source, target].map(async (folder, index) => {
      const home = path.join(work, `syncthing-${index}`);
      await mkdir(home, { recursive: true });
      await run(['syncthing', 'generate', '--home', home, '--no-default-folder', '--skip-port-probing']);
      const id = (await run(['syncthing', '--home', home, '--device-id'])).stdout.trim();
      await mkdir(path.join(folder, '.stfolder'), { recursive: true });
      return { folder, home, id, api: await freePort(), listen: await freePort() };
    }),
  );
  const devices = sides.map((side) => `<device id="${side.id}"><address>tcp://127.0.0.1:${side.listen}</address></device>`).join('');
  const shares = sides.map((side) => `<device id="${side.id}"/>`).join('');
  const started: Device[] = [];
  for (const [index, side] of sides.entries()) {
    const folder = `<folder id="${FOLDER}" path="${side.folder}" type="sendreceive" fsWatcherEnabled="false" rescanIntervalS="0">${shares}</folder>`;
    const gui = `<gui enabled="true"><address>127.0.0.1:${side.api}</address><apikey>${KEY}</apikey></gui>`;
    const flags = ['globalAnnounceEnabled', 'localAnnounceEnabled', 'relaysEnabled', 'natEnabled', 'crashReportingEnabled', 'startBrowser'];
    const options = `<options><listenAddress>tcp://127.0.0.1:${side.listen}</listenAddress>${flags.map((flag) => `<${flag}>false</${flag}>`).join('')}<urAccepted>-1</urAccepted><autoUpgradeIntervalH>0</autoUpgradeIntervalH><reconnectionIntervalS>1</reconnectionIntervalS></options>`;
    await writeFile(
      path.join(side.home, 'config.xml'),
      `<configuration version="35">${folder}${devices}${gui}${options}</configuration>\n`,
    );
    // The receiving side has to be ready first, so that the first scan is the first sync.
    const child = spawn('syncthing', ['serve', '--home', side.home, '--no-browser', '--no-restart', '--no-upgrade'], {
      stdio: 'ignore',
      env: { ...process.env, STNORESTART: '1', STNOUPGRADE: '1' },
    });
    started[index] = { id: side.id, api: `http://127.0.0.1:${side.api}`, process: child };
  }
  const [first, second] = started;
  await until(async () => (await connected(first!, second!)) && connected(second!, first!), 60_000);
  return [first!, second!];
}

async function connected(from: Device, to: Device): Promise<boolean> {
  try {
    const answer = (await call(from, 'GET', '/rest/system/connections')) as { connections: Record<string, { connected: boolean }> };
    return answer.connections[to.id]?.connected === true;
  } catch (error) {
    if (error instanceof TypeError) return false; // Not up yet.
    throw error;
  }
}

async function untilSynced(source: Device, target: Device): Promise<void> {
  await until(async () => {
    const there = (await call(target, 'GET', `/rest/db/status?folder=${FOLDER}`)) as Status;
    const here = (await call(source, 'GET', `/rest/db/status?folder=${FOLDER}`)) as Status;
    return (
      there.state === 'idle' &&
      here.state === 'idle' &&
      there.needTotalItems === 0 &&
      there.globalBytes === here.localBytes &&
      there.globalFiles === here.localFiles
    );
  }, DEADLINE_MS);
}

interface Status {
  readonly state: string;
  readonly needTotalItems: number;
  readonly globalBytes: number;
  readonly globalFiles: number;
  readonly localBytes: number;
  readonly localFiles: number;
}

async function sentBytes(device: Device): Promise<number> {
  const { total } = (await call(device, 'GET', '/rest/system/connections')) as { total: { inBytesTotal: number; outBytesTotal: number } };
  return total.inBytesTotal + total.outBytesTotal;
}

async function call(device: Device, method: 'GET' | 'POST', where: string): Promise<unknown> {
  const answer = await fetch(`${device.api}${where}`, { method, headers: { 'X-API-Key': KEY } });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`syncthing: ${method} ${where}: ${answer.status} ${text}`);
  return text === '' ? null : (JSON.parse(text) as unknown);
}

async function until(done: () => Promise<boolean>, timeout: number): Promise<void> {
  const deadline = performance.now() + timeout;
  while (!(await done())) {
    if (performance.now() > deadline) throw new Error(`syncthing: not done within ${timeout / 1000} s`);
    await sleep(10);
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await ended;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
