import { expect, it } from 'vitest';
import { row } from '../../../tests/gateways/claude-mem-ops.ts';
import { createFeedIndex } from './feed-index.ts';
import { GATEWAY_ORIGIN, planPush } from './plan-push.ts';
import { parseOp, type Op } from './schema.ts';

const DEVICE = 'device-a';
const SERVED = ((1n << 50n) + (7n << 20n)).toString();

function op(rev: string): Op {
  const parsed = parseOp(row(DEVICE, { rev, payload: { subtitle: `said ${rev}` } }));
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

/** A feed in which the device's row is told as it is in the space by now. */
function nodeWhereServed() {
  const index = createFeedIndex();
  const { id: entity } = op('1').says;
  index.add({ number: 1, entity, revision: '1', digest: op('1').digest, subject: 's', origin: DEVICE });
  index.add({ number: 2, entity, revision: SERVED, digest: 'state', subject: 's', origin: GATEWAY_ORIGIN });
  const told: (readonly [string, string])[] = [];
  return {
    told,
    async push(rev: string) {
      const planned = await planPush([op(rev)], index, 0, async () => null);
      if (!planned.ok) throw new Error(planned.error);
      for (const addition of planned.value.additions) {
        index.add({ ...addition, number: index.last + 1 });
        told.push([addition.revision, addition.body]);
      }
    },
  };
}

it('tells no revision of a row by other bytes where its device went from one node to another, and a client reads both', async () => {
  const [one, other] = [nodeWhereServed(), nodeWhereServed()];
  await one.push('2');
  await other.push('3');
  await one.push('4');
  const byRevision = new Map<string, string>();
  for (const [revision, body] of [...one.told, ...other.told]) {
    expect(byRevision.get(revision) ?? body).toBe(body);
    byRevision.set(revision, body);
  }
  // Each is told above what was served, in the order of the device.
  for (const { told } of [one, other]) {
    const above = told.map(([revision]) => BigInt(revision)).filter((revision) => revision > BigInt(SERVED));
    expect(above).toEqual(above.toSorted((a, b) => Number(a - b)));
    expect(above).toHaveLength(told.length / 2);
  }
});
