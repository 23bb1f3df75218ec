import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { HubStatus } from '../../src/node/operations/hub-status.ts';
import { Machine, makeRoot, until } from './machine.ts';

const RECIPIENT = 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p';

describe('satchel status --hub', () => {
  const { root, remove } = makeRoot();
  const program = inject('program');
  const [hub, ana] = [new Machine(root, 'hub', program), new Machine(root, 'ana', program)];

  beforeAll(async () => {
    await hub.start(['up', '--hub', '--port', '0']);
    ana.write('CLAUDE.md', 'a name that only ana knows\n');
    await ana.start();
  });
  afterAll(async () => {
    await Promise.all([hub, ana].map((machine) => machine.kill()));
    remove();
  });

  it('says what a hub is that keeps nothing yet', async () => {
    const { code, stdout } = await hub.runAsking(['status', '--hub']);
    expect([code, stdout.split('\n')[0]]).toEqual([0, expect.stringMatching(/^The hub is well: 0 spaces of 0 machines, \d+ requests/)]);
    expect(stdout).toContain('satchel invite');
  });

  it('shows what it keeps, who came, what was asked, and what lacks; and no name', async () => {
    const { link } = await hub.ask<{ link: string }>(['invite', '--hub']);
    const { address } = await ana.ask<{ address: string }>(['remotes', 'add', '-'], link);
    expect((await ana.runAsking(['spaces', 'move', 'personal', address])).code).toBe(0);
    await until('ana listens', async () => (await hub.ask<HubStatus>(['status', '--hub'])).live_listeners > 0);
    const status = await hub.ask<HubStatus>(['status', '--hub']);
    expect(status).toMatchObject({
      well: true,
      metrics: false,
      last_backup: null,
      store: { type: 'sqlite', place: null, bucket: null, bucket_problem: null, stopped_spaces: 0, problem: null },
      spaces: { count: 1, machines: 1, machines_last_hour: 1, machines_last_day: 1, largest: [{ machines: 1 }] },
      requests: { failed: 0, failures: [] },
    });
    expect(status.store.bytes).toBeGreaterThanOrEqual(statSync(path.join(hub.store, 'store.db')).size);
    expect(status.appends.appended).toBeGreaterThan(0);
    expect(status.requests.last_hour).toBeGreaterThan(0);
    expect(status.spaces?.records).toBeGreaterThan(0);
    const { code, stdout } = await hub.runAsking(['status', '--hub']);
    expect(code).toBe(0);
    expect(stdout).toContain('this hub was never backed up');
    expect(stdout).toContain('satchel store backup FILE --to');
    expect((await hub.runAsking(['spaces'])).stdout).toBe('A hub has no spaces of its own. What it keeps for others: satchel status\n');
    for (const secret of ['CLAUDE', 'personal', 'only ana', readFileSync(path.join(hub.store, 'api-token'), 'utf8')])
      expect(stdout + JSON.stringify(status)).not.toContain(secret);
  });

  it('knows the last backup', async () => {
    const file = path.join(root, 'hub.backup');
    await hub.ask(['store', 'backup', file, '--to', RECIPIENT]);
    const status = await hub.ask<HubStatus>(['status', '--hub']);
    expect(status.last_backup?.bytes).toBe(statSync(file).size);
    expect(status.checks.find(({ id }) => id === 'hub.backup')?.result).toBe('ok');
  });

  it('says so on a machine that is no hub, and where nothing runs', async () => {
    const onAna = await ana.runAsking(['status', '--hub']);
    expect([onAna.code, onAna.stderr]).toEqual([1, expect.stringContaining('the node that runs here is no hub')]);
    await hub.stop();
    const nobody = await hub.runAsking(['status', '--hub', '--json']);
    expect(nobody.code).toBe(4);
    expect(JSON.parse(nobody.stdout)).toMatchObject({ error: { type: 'no-hub', exit: 4 } });
  });
});
