import { Agent } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MnemePlace } from './mneme-place.ts';

/**
 * Several machines with one key, as the first server's file has it: a read says the key alone. A machine's lock may be given back by its
 * other session, so that it is another's while the first session still pulls.
 */
let place: MnemePlace;
beforeAll(async () => {
  place = await MnemePlace.create();
});
afterAll(() => place.close());

let made = 0;
const project = (): string => `one-key-${(made += 1)}`;

const at = (minute: number): string => new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString();

/** `entities.json` of one file, mentioned in these minutes. */
function mentioned(...minutes: number[]): string {
  const contexts = minutes.map((minute) => ({ ts: at(minute), type: 'prompt', summary: 'a.ts' }));
  const entity = { mentions: minutes.length, lastSeen: contexts.at(-1)?.ts, contexts };
  return JSON.stringify({ files: { 'a.ts': entity }, functions: {}, errors: {}, packages: {} }, null, 2);
}

async function mentions(name: string): Promise<number> {
  const { body } = await place.get(name, 'entities.json', { headers: { 'user-agent': 'curl/8' } });
  return (JSON.parse(String(body['content'])) as { files: Record<string, { mentions: number }> }).files['a.ts']?.mentions ?? 0;
}

describe('a machine whose lock became another’s while it pulled', () => {
  it('has what it read on its own connection: what it counts from there counts once', async () => {
    const name = project();
    await place.lock(name, 'b');
    await place.put(name, 'entities.json', mentioned(1), 'b');
    await place.unlock(name, 'b');
    const [ofA, ofB] = [new Agent({ keepAlive: true }), new Agent({ keepAlive: true })];
    await place.lock(name, 'a', { agent: ofA });
    await place.ask('GET', `/projects/${name}/files`, { agent: ofA });
    await place.unlock(name, 'a'); // its other session
    await place.lock(name, 'b', { agent: ofB });
    await place.get(name, 'entities.json', { agent: ofA });
    ofA.destroy();
    await place.put(name, 'entities.json', mentioned(1, 2), 'b', { agent: ofB });
    ofB.destroy();
    await place.put(name, 'entities.json', mentioned(1, 3), 'a'); // refused, and kept
    expect(await mentions(name)).toBe(3);
  });

  it('is not told to take what the other lacks: it may have something of its own', async () => {
    const name = project();
    const fact = (text: string): string => JSON.stringify([{ ts: at(1), type: 'fact', content: text }]);
    // b's session ended with all it had pushed; what c pushed then is new to it.
    await place.lock(name, 'b');
    for (const _ of ['pull', 'push']) await place.ask('GET', `/projects/${name}/files`);
    await place.put(name, 'remembered.json', fact('of b'), 'b');
    await place.unlock(name, 'b');
    await place.lock(name, 'c');
    await place.put(name, 'remembered.json', fact('of c'), 'c');
    await place.unlock(name, 'c');
    const [ofA, ofB] = [new Agent({ keepAlive: true }), new Agent({ keepAlive: true })];
    await place.lock(name, 'a', { agent: ofA });
    await place.unlock(name, 'a');
    await place.lock(name, 'b', { agent: ofB });
    const timeFor = async (agent: Agent): Promise<unknown> => {
      const { body } = await place.ask('GET', `/projects/${name}/files`, { agent });
      return (body['files'] as { mtime: string }[])[0]?.mtime.slice(0, 4);
    };
    expect(await timeFor(ofA)).toBe('1970');
    expect(await timeFor(ofB)).toBe('9999');
    for (const agent of [ofA, ofB]) agent.destroy();
  });
});
