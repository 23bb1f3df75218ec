import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SatchelNode } from '../../src/node/node.ts';
import { ask, Place } from './place.ts';

let place: Place;
beforeEach(async () => {
  place = await Place.create();
});
afterEach(() => place.dispose());

const TOKEN = 'ghp_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8';

async function secretsOf(node: SatchelNode, wanted: number): Promise<number> {
  for (let waited = 0; waited < 20_000; waited += 100) {
    const found = (await ask(node, 'status', {})).spaces[0]?.secrets ?? 0;
    if (found === wanted) return found;
    await sleep(100);
  }
  return (await ask(node, 'status', {})).spaces[0]?.secrets ?? 0;
}

describe('secrets in what is captured', () => {
  it('are reported by place and sort, never shown, and forgotten once they are gone', async () => {
    const a = await place.start('a');
    await place.write('a', `# Notes\n\nThe token is ${TOKEN}.\n`);
    await place.write('a', 'nothing here\n', 'rules/a.md');
    await ask(a, 'sync', {});
    expect(await secretsOf(a, 1)).toBe(1);
    const { checks } = await ask(a, 'doctor', {});
    const check = checks.find(({ id }) => id === 'secrets:personal');
    expect(check).toMatchObject({ result: 'warn', severity: 'low', evidence: ['CLAUDE.md, line 3: GitHub token'] });
    expect(JSON.stringify(checks)).not.toContain(TOKEN.slice(4, 14));

    await place.stop('a');
    const again = await place.start('a');
    expect((await ask(again, 'status', {})).spaces[0]?.secrets).toBe(1);
    await place.write('a', '# Notes\n');
    await ask(again, 'sync', {});
    expect(await secretsOf(again, 0)).toBe(0);
  });
});
