import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { createSeededRandom } from '../doubles/seeded-random.ts';
import { Machine, makeRoot } from '../e2e/machine.ts';
import { createSyncClient, type SyncClient } from '../gateways/claude-mem-client.ts';
import { row, tombstone, type WireOp } from '../gateways/claude-mem-ops.ts';

export interface FeedKillRun {
  readonly program: string;
  readonly kills: number;
  readonly seed: string;
  /** As a hub, else as a work machine, whose personal space the pushed rows become part of. */
  readonly hub: boolean;
}

interface Served extends WireOp {
  readonly seq: string;
  readonly server_ts: string;
}

const DEVICES = ['device-a', 'device-b', 'device-c'];

/**
 * Workers push to a node that is killed with SIGKILL: every other time right after an answer, else in the middle of something. After each
 * start the feed is what was served before, byte for byte and under the same numbers, with no gap behind it, and holds all that was
 * acknowledged where the answer said; what was pushed without an answer is pushed again, and there once.
 */
export async function killWhilePushing({
  program,
  kills,
  seed,
  hub,
}: FeedKillRun): Promise<{ readonly acked: number; readonly served: number }> {
  const { root, remove } = makeRoot();
  const random = createSeededRandom(seed);
  const machine = new Machine(root, 'node', program);
  const up = ['up', ...(hub ? ['--hub'] : []), '--port', '0'];
  const acked = new Map<string, string>();
  let served: readonly Served[] = [];
  let epoch: string | null = null;
  try {
    await machine.start(up);
    const { token } = await machine.ask<{ token: { token: string } }>(['claude-mem', 'serve', '--user', 'me']);
    const client = (device: string): SyncClient => {
      const { address } = JSON.parse(readFileSync(path.join(machine.store, 'running.json'), 'utf8')) as { address: string };
      return createSyncClient({ url: `${address}/claude-mem`, token: token.token, user: 'me', device });
    };
    const pushers = DEVICES.map((device) => createPusher(device, random));
    for (let kill = 0; kill <= kills; kill += 1) {
      const state = { isOver: false, answers: 0 };
      const enough = 1 + random.below(12);
      const dying: Promise<void>[] = [];
      const pushing = pushers.map(async (pusher) => {
        const worker = client(pusher.device);
        while (!state.isOver) {
          const answer = await worker.push(pusher.next()).catch(() => null);
          if (answer === null) return; // no answer: nothing was promised, and it is pushed again
          expect([answer.status, answer.body['error']]).toEqual([200, undefined]);
          pusher.done();
          for (const ack of answer.body['acked'] as { operation_sha256: string; seq: string }[]) acked.set(ack.operation_sha256, ack.seq);
          state.answers += 1;
          if (kill % 2 === 0 && state.answers === enough) {
            state.isOver = true;
            dying.push(machine.stop('SIGKILL'));
          }
        }
      });
      if (kill % 2 === 1) {
        await sleep(random.below(400));
        state.isOver = true;
        dying.push(machine.stop('SIGKILL'));
      }
      await Promise.all(pushing);
      await Promise.all(dying);
      await machine.start(up);
      const now = await readAll(client('device-r'));
      expect(epoch ?? now.epoch).toBe(now.epoch);
      epoch = now.epoch;
      expect(now.ops.slice(0, served.length)).toEqual(served);
      expect(now.ops.map(({ seq }) => seq)).toEqual(now.ops.map((_, index) => String(index + 1)));
      served = now.ops;
      const bySeq = new Map(served.map((op) => [op.seq, op.operation_sha256]));
      for (const [digest, seq] of acked) expect(bySeq.get(seq)).toBe(digest);
    }
    expect(new Set(served.map(({ body }) => body)).size).toBe(served.length);
    return { acked: acked.size, served: served.length };
  } finally {
    await machine.kill();
    remove();
  }
}

interface Pusher {
  readonly device: string;
  /** What to push: the same until it is done. */
  next(): readonly WireOp[];
  done(): void;
}

/** Rows of a device, new, edited and deleted. */
function createPusher(device: string, random: ReturnType<typeof createSeededRandom>): Pusher {
  const revisions = new Map<number, number>();
  let batch: WireOp[] | null = null;
  const make = (): WireOp => {
    const local = random.chance(0.6) ? revisions.size + 1 : 1 + random.below(revisions.size + 1);
    const revision = (revisions.get(local) ?? 0) + 1;
    revisions.set(local, revision);
    const at = { local: String(local), rev: String(revision) };
    return revision > 1 && random.chance(0.2)
      ? tombstone(device, at)
      : row(device, { ...at, payload: { title: `${device} ${local} ${revision}`, narrative: 'n'.repeat(random.below(5_000)) } });
  };
  return {
    device,
    next: () => (batch ??= Array.from({ length: 1 + random.below(30) }, make)),
    done() {
      batch = null;
    },
  };
}

async function readAll(client: SyncClient): Promise<{ readonly epoch: string; readonly ops: readonly Served[] }> {
  const ops: Served[] = [];
  for (;;) {
    const { status, body } = await client.changes(ops.at(-1)?.seq ?? '0');
    expect(status).toBe(200);
    ops.push(...(body['ops'] as Served[]));
    if (body['more'] !== true) return { epoch: body['epoch'] as string, ops };
  }
}
