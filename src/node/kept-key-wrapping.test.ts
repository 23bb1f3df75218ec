import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAgeKeyWrapping } from './age-key-wrapping.ts';
import { createKeptKeyWrapping } from './kept-key-wrapping.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'satchel-kept-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('kept key wrapping', () => {
  it('opens an envelope once, for its own identity alone, and again where the file is damaged', async () => {
    const age = createAgeKeyWrapping();
    const [mine, other] = [await age.generate(), await age.generate()];
    const file = path.join(folder, 'opened.json');
    let opened = 0;
    const counting = { ...age, unwrap: (envelope: Uint8Array, identity: string) => ((opened += 1), age.unwrap(envelope, identity)) };
    const create = () => createKeptKeyWrapping(counting, { file, identity: mine.identity });
    const envelope = await age.wrap(Buffer.from('epoch key'), mine.recipient);
    for (const wrapping of [create(), create()])
      for (let time = 0; time < 2; time++)
        expect(Buffer.from((await wrapping.unwrap(envelope, mine.identity))!).toString()).toBe('epoch key');
    expect(opened).toBe(1);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await create().unwrap(envelope, other.identity)).toBeNull();
    const kept = await readFile(file, 'utf8');
    await create().unwrap(await age.wrap(Buffer.from('x'), other.recipient), other.identity);
    expect(await create().unwrap(await age.wrap(Buffer.from('x'), other.recipient), mine.identity)).toBeNull();
    expect(await readFile(file, 'utf8')).toBe(kept);
    for (const damage of ['', '[]', 'null', '{"a":1}', JSON.stringify(kept).slice(0, -9)]) {
      await writeFile(file, damage);
      expect(await create().unwrap(envelope, mine.identity)).not.toBeNull();
    }
  });
});
