import { beforeEach, describe, expect, it } from 'vitest';
import { jsonKind } from '../../src/kinds/json/json.ts';
import { createFormsHome, type FormsHome } from './forms-home.ts';
import { createSpaceDouble, type SpaceDouble } from './workspace-double.ts';

let space: SpaceDouble;
let ana: FormsHome;
let bea: FormsHome;
beforeEach(() => {
  space = createSpaceDouble([jsonKind]);
  ana = createFormsHome(space, 'ana');
  bea = createFormsHome(space, 'bea');
});

const SETTINGS = 'settings.json';
const full = (name = SETTINGS): unknown => JSON.parse(space.text(name, 'json') ?? 'null');

describe('settings.json on two machines', () => {
  beforeEach(async () => {
    ana.write(SETTINGS, { model: 'opus', env: { API_KEY: 'of ana', EDITOR: 'vi' }, hooks: { Stop: [{ command: '/home/ana/.claude/x' }] } });
    await ana.live();
    await bea.live();
  });

  it('stands with each machine’s paths, and without the other’s secrets', () => {
    expect(full()).toMatchObject({ env: { API_KEY: '{{satchel:secret}}' } });
    expect(bea.value(SETTINGS)).toEqual({ model: 'opus', env: { EDITOR: 'vi' }, hooks: { Stop: [{ command: '/home/bea/.claude/x' }] } });
    expect([...space.bodies.values()].map((body) => Buffer.from(body).toString()).join()).not.toContain('of ana');
  });

  it('says which texts stay, for whoever shows the file', async () => {
    const item = { kind: 'json', name: SETTINGS };
    expect(await ana.workspace.keptTexts(item)).toEqual(['of ana']);
    expect(await bea.workspace.keptTexts(item)).toEqual([]);
    expect(await ana.workspace.keptTexts({ kind: 'text', name: 'CLAUDE.md' })).toEqual([]);
  });

  it('does not go back and forth: what was put in place is no change', async () => {
    const captured = space.bodies.size;
    for (const home of [ana, bea, ana, bea]) {
      expect(await home.source.scan()).toMatchObject({ changes: 0 });
      expect(await home.source.apply()).toMatchObject({ written: 0 });
    }
    expect(space.bodies.size).toBe(captured);
  });

  it('takes an edit from one to the other, and leaves the rest of the file as it is', async () => {
    bea.write(SETTINGS, bea.text(SETTINGS)?.replace('"opus"', '"haiku"').replace('{', '{\n') ?? '');
    await bea.live();
    await ana.live();
    expect(ana.value(SETTINGS)).toEqual({
      model: 'haiku',
      env: { API_KEY: 'of ana', EDITOR: 'vi' },
      hooks: { Stop: [{ command: '/home/ana/.claude/x' }] },
    });
  });

  it('a key that this machine has no value for is not deleted by its absence', async () => {
    bea.write(SETTINGS, { model: 'haiku' });
    await bea.live();
    expect(full()).toEqual({ model: 'haiku', env: { API_KEY: '{{satchel:secret}}' } });
    expect(await bea.workspace.inspect()).toMatchObject([{ needs: ['/env/API_KEY'], held: [], problem: null }]);
    await ana.live();
    expect(ana.value(SETTINGS)).toEqual({ model: 'haiku', env: { API_KEY: 'of ana' } });
  });

  it('each machine keeps a value of its own', async () => {
    bea.write(SETTINGS, { model: 'opus', env: { API_KEY: 'of bea', EDITOR: 'emacs' } });
    await bea.live();
    await ana.live();
    expect(ana.value(SETTINGS)).toMatchObject({ env: { API_KEY: 'of ana', EDITOR: 'emacs' } });
    expect(bea.value(SETTINGS)).toMatchObject({ env: { API_KEY: 'of bea', EDITOR: 'emacs' } });
    expect(await bea.workspace.inspect()).toMatchObject([{ needs: [] }]);
  });

  it('puts a part in place when the answer comes, and not before', async () => {
    bea.admit = () => false;
    ana.write(SETTINGS, { model: 'opus', env: { EDITOR: 'emacs' }, hooks: {} });
    await ana.live();
    await bea.live();
    expect(bea.value(SETTINGS)).toEqual({ model: 'opus', env: { EDITOR: 'vi' }, hooks: { Stop: [{ command: '/home/bea/.claude/x' }] } });
    const [state] = await bea.workspace.inspect();
    expect(state?.held.map(({ pointer }) => pointer)).toEqual(['/env/EDITOR', '/hooks']);
    bea.restart();
    bea.admit = ({ pointer }) => pointer === '/hooks';
    await bea.live();
    expect(bea.value(SETTINGS)).toEqual({ model: 'opus', env: { EDITOR: 'vi' }, hooks: {} });
  });

  it('what waits for an answer is not taken back by an edit beside it', async () => {
    bea.admit = () => false;
    ana.write(SETTINGS, { model: 'opus', env: { API_KEY: 'of ana', EDITOR: 'emacs' }, statusLine: { command: 'new' } });
    await ana.live();
    await bea.live();
    bea.write(SETTINGS, bea.text(SETTINGS)?.replace('"opus"', '"haiku"') ?? '');
    await bea.live();
    expect(full()).toEqual({ model: 'haiku', env: { API_KEY: '{{satchel:secret}}', EDITOR: 'emacs' }, statusLine: { command: 'new' } });
  });

  it('a file that is gone is deleted nowhere, and one begun anew takes nothing out', async () => {
    bea.disk.remove(SETTINGS);
    await bea.live();
    expect(full()).toMatchObject({ model: 'opus' });
    await ana.live();
    expect(ana.value(SETTINGS)).toMatchObject({ model: 'opus' });
    bea.write(SETTINGS, { theme: 'dark' });
    await bea.live();
    expect(full()).toMatchObject({ model: 'opus', theme: 'dark' });
    expect(bea.value(SETTINGS)).toMatchObject({ model: 'opus', theme: 'dark' });
  });

  it('a file in the middle of an edit is left alone, and nothing of it leaves', async () => {
    bea.write(SETTINGS, '{ "model": "haiku", ');
    bea.settle();
    expect(await bea.source.scan()).toMatchObject({ changes: 0, skipped: [{ name: SETTINGS, reason: 'cannot be read: not JSON' }] });
    ana.write(SETTINGS, { model: 'sonnet' });
    await ana.live();
    await bea.live();
    expect(bea.text(SETTINGS)).toBe('{ "model": "haiku", ');
    bea.write(SETTINGS, { theme: 'dark' });
    await bea.live();
    expect(bea.value(SETTINGS)).toMatchObject({ theme: 'dark' });
  });

  it('two edits of the same value: theirs stays in place, and ours is kept', async () => {
    bea.write(SETTINGS, bea.text(SETTINGS)?.replace('"opus"', '"of bea"') ?? '');
    bea.settle();
    await bea.source.scan();
    ana.write(SETTINGS, ana.text(SETTINGS)?.replace('"opus"', '"of ana"') ?? '');
    await ana.live();
    expect(space.siblings).toHaveLength(1);
    expect(ana.value(SETTINGS)).toMatchObject({ model: 'of bea', env: { API_KEY: 'of ana' } });
  });

  describe('that another program rewrites as it had read it', () => {
    const rewrite = async (wait: number): Promise<void> => {
      const read = bea.value(SETTINGS) as Record<string, unknown>;
      ana.write(SETTINGS, { ...(ana.value(SETTINGS) as object), model: 'haiku', theme: 'light' });
      await ana.live();
      bea.settle();
      await bea.source.apply();
      expect(bea.value(SETTINGS)).toMatchObject({ model: 'haiku', theme: 'light' });
      bea.clock.advance(wait);
      bea.write(SETTINGS, { ...read, verbose: true });
      await bea.source.scan();
      for (const home of [bea, ana]) await home.live();
    };

    it('keeps what was put there meanwhile', async () => {
      await rewrite(1_000);
      for (const home of [ana, bea]) expect(home.value(SETTINGS)).toMatchObject({ model: 'haiku', theme: 'light', verbose: true });
    });

    it('is as it was written once it cannot be a matter of moments', async () => {
      await rewrite(3_000);
      for (const home of [ana, bea]) expect(home.value(SETTINGS)).toMatchObject({ model: 'opus', verbose: true });
      expect(full()).not.toHaveProperty('theme');
    });
  });

  it('whose body was erased everywhere can be written anew', async () => {
    const [head] = [...space.heads.values()];
    space.erased.add(head?.content.digest ?? '');
    bea.write(SETTINGS, { model: 'haiku' });
    bea.settle();
    expect(await bea.source.scan()).toMatchObject({ changes: 1, skipped: [] });
    expect(full()).toEqual({ model: 'haiku' });
    await ana.live();
    expect(ana.value(SETTINGS)).toEqual({ model: 'haiku' });
  });

  it('whose body cannot be had just now waits, and holds up nothing else', async () => {
    const [head] = [...space.heads.values()];
    space.unavailable.add(head?.content.digest ?? '');
    bea.write(SETTINGS, { model: 'haiku' });
    bea.write('CLAUDE.md', 'x');
    bea.settle();
    expect(await bea.source.scan()).toMatchObject({ changes: 1, skipped: [{ name: SETTINGS }] });
    space.unavailable.clear();
    bea.restart();
    await bea.live();
    expect(full()).toMatchObject({ model: 'haiku' });
  });

  it('a link in its place is not followed, and puts nothing in place', async () => {
    space.put(SETTINGS, '/etc/passwd', { link: true }, 'json');
    await bea.live();
    expect(bea.value(SETTINGS)).toMatchObject({ model: 'opus' });
    expect(await bea.workspace.inspect()).toMatchObject([{ problem: 'the space holds a link in its place' }]);
  });
});

describe('.claude.json', () => {
  const FILE = '.claude.json';
  const file = (servers: unknown, startups = 1) => ({ numStartups: startups, oauthAccount: { id: 'mine' }, mcpServers: servers });

  it('gives its servers to the other machine’s file, and keeps all else to itself', async () => {
    ana.write(FILE, file({ db: { command: '/home/ana/bin/db', env: { DB_PASSWORD: 'of ana' } } }));
    bea.write(FILE, file({ time: { command: 'time' } }, 7));
    for (const home of [ana, bea, ana]) await home.live();
    expect(full(FILE)).toEqual({
      mcpServers: { db: { command: '{{satchel:home}}/bin/db', env: { DB_PASSWORD: '{{satchel:secret}}' } }, time: { command: 'time' } },
    });
    expect(bea.value(FILE)).toEqual(file({ time: { command: 'time' }, db: { command: '/home/bea/bin/db' } }, 7));
    expect(ana.value(FILE)).toEqual(
      file({ db: { command: '/home/ana/bin/db', env: { DB_PASSWORD: 'of ana' } }, time: { command: 'time' } }),
    );
  });

  it('changes that are none of the space’s make no commit', async () => {
    ana.write(FILE, file({}));
    await ana.live();
    for (let startups = 2; startups < 5; startups += 1) {
      ana.write(FILE, file({}, startups));
      ana.settle();
      expect(await ana.source.scan()).toMatchObject({ changes: 0, commits: 0 });
    }
    bea.write(FILE, file({ time: {} }, 7));
    await bea.live();
    await ana.live();
    expect(ana.value(FILE)).toEqual(file({ time: {} }, 4));
  });

  it('has no say where it has nothing to say', async () => {
    ana.write(FILE, file({ time: {} }));
    await ana.live();
    const bodies = space.bodies.size;
    bea.write(FILE, { numStartups: 1 });
    await bea.live();
    expect(bea.value(FILE)).toEqual({ numStartups: 1, mcpServers: { time: {} } });
    expect(space.bodies.size).toBe(bodies);
  });

  it('is written over only as it was read: what Claude Code wrote meanwhile stays', async () => {
    ana.write(FILE, file({}));
    bea.write(FILE, file({ time: {} }));
    await ana.live();
    await bea.live();
    let raced = false;
    ana.options = {
      onMutation: () => {
        if (raced) return;
        raced = true;
        ana.write(FILE, file({}, 99));
      },
    };
    await ana.live();
    expect(ana.value(FILE)).toEqual(file({ time: {} }, 99));
  });

  it('is never removed', async () => {
    ana.write(FILE, file({ time: {} }));
    await ana.live();
    space.remove(FILE, 'json');
    await ana.live();
    expect(ana.value(FILE)).toEqual(file({ time: {} }));
  });
});

class Crash extends Error {}

describe('a process that dies at any step', () => {
  /** Ana wrote something new; Bea has an edit that was not captured, a part that waits, and another that was just admitted. */
  async function prepare(): Promise<FormsHome> {
    space = createSpaceDouble([jsonKind]);
    ana = createFormsHome(space, 'ana');
    bea = createFormsHome(space, 'bea');
    ana.write(SETTINGS, { model: 'opus', env: { API_KEY: 'of ana' }, hooks: { Stop: [] }, permissions: { allow: ['a'] } });
    ana.write('.claude.json', { mcpServers: { one: { command: 'one' } }, mine: 1 });
    bea.write('.claude.json', { mcpServers: { two: { command: 'two' } }, mine: 2 });
    bea.admit = ({ pointer }) => !pointer.startsWith('/hooks');
    await ana.live();
    await bea.live();
    await ana.live();
    ana.write(SETTINGS, {
      model: 'opus',
      env: { API_KEY: 'of ana', EDITOR: 'vi' },
      hooks: { Stop: ['new'] },
      permissions: { allow: ['a', 'c'] },
    });
    ana.write('.claude.json', { mcpServers: { one: { command: 'uno' }, two: { command: 'two' } }, mine: 1 });
    await ana.live();
    bea.write(SETTINGS, bea.text(SETTINGS)?.replace('"opus"', '"of bea"') ?? '');
    bea.write('.claude.json', bea.text('.claude.json')?.replace('2', '3') ?? '');
    bea.admit = ({ pointer }) => !pointer.startsWith('/permissions');
    return bea;
  }

  function dieAt(home: FormsHome, at: number): () => number {
    let steps = 0;
    const step = (): void => {
      steps += 1;
      if (steps >= at) throw new Crash();
    };
    home.options = { onMutation: step };
    home.inner.crash = step;
    home.crash = step;
    return () => steps;
  }

  async function survive(home: FormsHome): Promise<void> {
    home.options = {};
    home.inner.crash = null;
    home.crash = null;
    home.restart();
    for (const each of [home, ana, home]) await each.live();
    expect(home.value(SETTINGS)).toEqual({
      model: 'of bea',
      env: { EDITOR: 'vi' },
      hooks: { Stop: ['new'] },
      permissions: { allow: ['a'] },
    });
    expect(ana.value(SETTINGS)).toMatchObject({
      model: 'of bea',
      env: { API_KEY: 'of ana', EDITOR: 'vi' },
      permissions: { allow: ['a', 'c'] },
    });
    expect(home.value('.claude.json')).toEqual({ mcpServers: { one: { command: 'uno' }, two: { command: 'two' } }, mine: 3 });
    expect(full()).toEqual({
      model: 'of bea',
      env: { API_KEY: '{{satchel:secret}}', EDITOR: 'vi' },
      hooks: { Stop: ['new'] },
      permissions: { allow: ['a', 'c'] },
    });
    expect(space.siblings).toEqual([]);
    expect(await home.source.scan()).toMatchObject({ changes: 0, skipped: [] });
  }

  it('neither loses an edit nor invents one', async () => {
    const calm = await prepare();
    const steps = dieAt(calm, Infinity);
    await calm.live();
    await survive(calm);
    expect(steps()).toBeGreaterThan(15);
    for (let at = 1; at <= steps(); at += 1) {
      const home = await prepare();
      dieAt(home, at);
      await expect(home.live(), `step ${at}`).rejects.toThrow(Crash);
      await survive(home);
    }
  });

  it('takes what it put in place for the space’s, and captures nothing', async () => {
    const outstanding = async (): Promise<FormsHome> => {
      const home = await prepare();
      await home.live();
      // In another layout than this machine's.
      space.put(SETTINGS, JSON.stringify({ theme: 'dark', ...(full() as object) }), {}, 'json');
      space.put('.claude.json', '{ "mcpServers": { } }', {}, 'json');
      home.settle();
      return home;
    };
    const calm = await outstanding();
    const steps = dieAt(calm, Infinity);
    await calm.source.apply();
    for (let at = 1; at <= steps(); at += 1) {
      const home = await outstanding();
      dieAt(home, at);
      await expect(home.source.apply()).rejects.toThrow(Crash);
      home.options = {};
      home.inner.crash = null;
      home.crash = null;
      home.restart();
      home.settle();
      expect(await home.source.scan(), `step ${at}`).toMatchObject({ changes: 0 });
      await home.live();
      expect([home.value(SETTINGS), home.value('.claude.json')]).toMatchObject([{ theme: 'dark' }, { mcpServers: {}, mine: 3 }]);
    }
  });

  it('nor where it is edited right after', async () => {
    const calm = await prepare();
    const steps = dieAt(calm, Infinity);
    await calm.live();
    for (let at = 1; at <= steps(); at += 1) {
      const home = await prepare();
      dieAt(home, at);
      await expect(home.live()).rejects.toThrow(Crash);
      const edited = home.value(SETTINGS) as { model: string };
      home.write(SETTINGS, { ...edited, theme: 'dark' });
      home.options = {};
      home.inner.crash = null;
      home.crash = null;
      home.restart();
      for (const each of [home, ana, home]) await each.live();
      expect(full(), `step ${at}`).toEqual({
        model: 'of bea',
        env: { API_KEY: '{{satchel:secret}}', EDITOR: 'vi' },
        hooks: { Stop: ['new'] },
        permissions: { allow: ['a', 'c'] },
        theme: 'dark',
      });
    }
  });
});
