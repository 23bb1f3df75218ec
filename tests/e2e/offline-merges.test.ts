import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { send } from './api-client.ts';
import { Machine, makeRoot, until } from './machine.ts';

interface Log {
  readonly commits: readonly { readonly position: number; readonly changes: readonly { readonly item: string }[] }[];
}
interface Conflicts {
  readonly conflicts: readonly { readonly item: string; readonly kind: string; readonly sibling: string }[];
}

/** A machine that carries a folder of notes besides its Claude home. */
function withNotes(machine: Machine): { readonly machine: Machine; readonly notes: string } {
  const notes = path.join(machine.home, 'notes');
  mkdirSync(notes);
  mkdirSync(machine.store, { mode: 0o700 });
  const config = { sources: [{ id: 'notes', path: '~/notes' }] };
  writeFileSync(path.join(machine.store, 'config.json'), JSON.stringify(config), { mode: 0o600 });
  return { machine, notes };
}

describe('three machines edit while they are offline, and a fourth comes late', () => {
  const { root, remove } = makeRoot();
  const [a, b, c, late] = ['ana', 'bea', 'cem', 'dua'].map((name) => withNotes(new Machine(root, name, inject('program')))) as [
    Noted,
    Noted,
    Noted,
    Noted,
  ];
  const three = [a, b, c];
  let port = '';
  type Noted = ReturnType<typeof withNotes>;

  const write = ({ notes }: Noted, name: string, body: string): void => writeFileSync(path.join(notes, name), body);
  const read = ({ notes }: Noted, name: string): string | null => {
    try {
      return readFileSync(path.join(notes, name), 'utf8');
    } catch {
      return null;
    }
  };
  const everywhere = (name: string, holds: (body: string) => boolean, on: readonly Noted[] = three): Promise<void> =>
    until(`${name} is right everywhere`, () => on.every((each) => holds(read(each, name) ?? '') && read(each, name) === read(a, name)));

  beforeAll(async () => {
    write(a, 'text.md', 'one\ntwo\nthree\nfour\nfive\n');
    write(a, 'tree.json', '{\n  "a": 1,\n  "list": ["x"],\n  "deep": {"b": 2}\n}\n');
    write(a, 'lines.jsonl', '{"n":1}\n');
    write(a, 'picture.bin', '\u0000as it was');
    write(a, 'gone.md', 'to be deleted by one, and changed by another\n');
    await a.machine.start();
    for (const each of [b, c]) {
      const { link } = await a.machine.ask<{ link: string }>(['invite']);
      await each.machine.start(['join', link, '--name', each.machine.name]);
    }
    await everywhere('picture.bin', (body) => body.includes('as it was'));
    port = new URL((await a.machine.ask<{ address: string }>(['status'])).address).port;
    await Promise.all(three.map((each) => each.machine.stop()));
  });
  afterAll(async () => {
    await Promise.all([...three, late].map((each) => each.machine.kill()));
    remove();
  });

  it('merges each by its kind', async () => {
    write(a, 'text.md', 'ONE\ntwo\nthree\nfour\nfive\n');
    write(b, 'text.md', 'one\ntwo\nTHREE\nfour\nfive\n');
    write(c, 'text.md', 'one\ntwo\nthree\nfour\nfive\nsix\n');
    write(a, 'tree.json', '{\n  "a": 1,\n  "list": ["x", "from ana"],\n  "deep": {"b": 2}\n}\n');
    write(b, 'tree.json', '{\n  "a": 1,\n  "list": ["x", "from bea"],\n  "deep": {"b": 2}\n}\n');
    write(c, 'tree.json', '{\n  "a": 1,\n  "list": ["x"],\n  "deep": {"b": 3, "c": 4}\n}\n');
    write(a, 'lines.jsonl', '{"n":1}\n{"n":2,"by":"ana"}\n');
    write(b, 'lines.jsonl', '{"n":1}\n{"n":2,"by":"bea"}\n');
    write(b, 'gone.md', 'changed by bea\n');
    const { rmSync } = await import('node:fs');
    rmSync(path.join(c.notes, 'gone.md'));
    write(b, 'picture.bin', '\u0000as bea wants it');
    write(c, 'picture.bin', '\u0000as cem wants it');
    // The others know where ana is. The first back is the first in the log.
    await a.machine.start(['up', '--port', port]);
    for (const each of [b, c]) await each.machine.start();
    await everywhere('text.md', (body) => body === 'ONE\ntwo\nTHREE\nfour\nfive\nsix\n');
    await everywhere('tree.json', (body) => {
      const tree = JSON.parse(body) as { list: string[]; deep: object };
      return tree.list.length === 3 && JSON.stringify(tree.deep) === '{"b":3,"c":4}';
    });
    await everywhere('lines.jsonl', (body) => body.split('\n').length === 4 && body.includes('ana') && body.includes('bea'));
    await everywhere('gone.md', (body) => body === 'changed by bea\n');
  });

  it('keeps both of what cannot be merged, says so everywhere, and lets any machine settle it', async () => {
    await everywhere('picture.bin', (body) => body === '\u0000as bea wants it' || body === '\u0000as cem wants it');
    const other = read(a, 'picture.bin')?.includes('bea') === true ? 'cem' : 'bea';
    await until('all see it', async () =>
      (await Promise.all(three.map((each) => each.machine.ask<Conflicts>(['conflicts'])))).every(({ conflicts }) => conflicts.length === 1),
    );
    const [conflict] = (await a.machine.ask<Conflicts>(['conflicts'])).conflicts;
    expect(conflict).toMatchObject({ item: 'notes/picture.bin' });
    expect((await a.machine.runAsking(['show', conflict?.sibling ?? ''])).stdout).toBe(`\u0000as ${other} wants it`);
    const told = await a.machine.runAsking(['conflicts']);
    expect([told.code, told.stdout]).toEqual([3, expect.stringContaining('satchel resolve notes/picture.bin --take current')]);
    expect((await a.machine.runAsking(['resolve', 'notes/picture.bin', '--take', 'sibling'])).code).toBe(0);
    await everywhere('picture.bin', (body) => body === `\u0000as ${other} wants it`);
    for (const each of [b, c]) {
      await until('it is settled everywhere', async () => (await each.machine.runAsking(['conflicts'])).code === 0);
      expect((await each.machine.runAsking(['status'])).code).toBe(0);
    }
  });

  it('lets a fourth in late, which begins with a checkpoint and has the whole history soon after', async () => {
    const { address, machine } = await a.machine.ask<{ address: string; machine: { id: string } }>(['status']);
    const authorization = `Bearer ${readFileSync(path.join(a.machine.store, 'api-token'), 'utf8').trim()}`;
    // A hundred records make a checkpoint worth its while.
    for (let i = 0; i < 110; i++) {
      const body = JSON.stringify({ machine: machine.id, name: i === 109 ? 'ana' : `ana ${i}` });
      const headers = { authorization, 'content-type': 'application/json' };
      expect((await send(address, { method: 'POST', path: '/v1/node/machine-rename', headers, body })).status).toBe(200);
    }
    const { link } = await a.machine.ask<{ link: string }>(['invite']);
    await late.machine.start(['join', link, '--name', 'dua']);
    await everywhere('text.md', (body) => body.includes('six'), [...three, late]);
    await everywhere('picture.bin', (body) => body !== '', [...three, late]);
    await until('its history is complete', async () => {
      const [mine, theirs] = await Promise.all([late, a].map((each) => each.machine.ask<Log>(['log', '--limit', '1000'])));
      return (
        JSON.stringify(mine?.commits.map((commit) => commit.changes)) === JSON.stringify(theirs?.commits.map((commit) => commit.changes))
      );
    });
    expect((await late.machine.run(['store', 'verify', '--full'])).stdout).toContain('Everything is sound');
    write(late, 'text.md', `${read(late, 'text.md')}seven\n`);
    await everywhere('text.md', (body) => body.endsWith('six\nseven\n'), [...three, late]);
  });
});
