import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { claudeJsonForm } from './claude-json-form.ts';
import type { Admission, Form, FormContext, FormPart, LocalForm, Shown } from './form.ts';
import { FORMS } from './forms.ts';
import { historyForm } from './history-form.ts';
import { installedPluginsForm, knownMarketplacesForm } from './plugin-forms.ts';
import { isSecretValue } from '../../redaction/secret-value.ts';
import { settingsForm } from './settings-form.ts';
import { extent } from '../../../tests/setup/extent.ts';

const onAna: FormContext = { paths: { home: '/home/ana', claudeHome: '/home/ana/.claude' }, isSecret: isSecretValue, admit: () => 'yes' };
const onBea: FormContext = { ...onAna, paths: { home: '/Users/bea', claudeHome: '/Users/bea/.claude' } };
const strict = (context: FormContext): FormContext => ({ ...context, admit: () => 'ask' });
const NOTHING: LocalForm = { body: null, kept: {} };
const KEY = 'sk-ant-abcdefghijklmnopqrstuvwxyz';

const bytes = (value: unknown): Uint8Array => Buffer.from(typeof value === 'string' ? value : `${JSON.stringify(value, null, 2)}\n`);
const value = (body: Uint8Array): unknown => JSON.parse(Buffer.from(body).toString());
function good<T>(result: { ok: true; value: T } | { ok: false; error: unknown }): T {
  if (!result.ok) throw new Error(String(result.error));
  return result.value;
}
/** A local body as it is captured for the first time. */
const capture = (form: Form, local: unknown, context: FormContext) => good(form.lay(null, NOTHING, bytes(local), context));
const show = (form: Form, full: Uint8Array, local: LocalForm, context: FormContext): Shown => good(form.show(full, local, context));

describe('settings.json', () => {
  const ana = {
    model: 'opus',
    env: { ANTHROPIC_API_KEY: KEY, EDITOR: 'vi' },
    statusLine: { type: 'command', command: '/home/ana/.claude/line.sh' },
    hooks: { PreToolUse: [{ matcher: 'Bash', hooks: [{ type: 'command', command: 'bash /home/ana/.claude/hooks/x.sh' }] }] },
    permissions: { allow: ['Bash(ls:*)'], deny: ['Read(/home/ana/.ssh/**)'] },
  };

  it('leaves secrets behind, and spells paths so that they hold anywhere', () => {
    const { full, kept } = capture(settingsForm, ana, onAna);
    expect(value(full)).toEqual({
      ...ana,
      env: { ANTHROPIC_API_KEY: '{{satchel:secret}}', EDITOR: 'vi' },
      statusLine: { type: 'command', command: '{{satchel:claude}}/line.sh' },
      hooks: { PreToolUse: [{ matcher: 'Bash', hooks: [{ type: 'command', command: 'bash {{satchel:claude}}/hooks/x.sh' }] }] },
      permissions: { allow: ['Bash(ls:*)'], deny: ['Read({{satchel:home}}/.ssh/**)'] },
    });
    expect(kept).toEqual({ '/env/ANTHROPIC_API_KEY': KEY, places: '["/env/ANTHROPIC_API_KEY"]' });
    expect(Buffer.from(show(settingsForm, full, { body: bytes(ana), kept }, onAna).body)).toEqual(bytes(ana));
  });

  it('shows this machine’s paths, and leaves out what has no value here', () => {
    const shown = show(settingsForm, capture(settingsForm, ana, onAna).full, NOTHING, onBea);
    expect(value(shown.body)).toEqual({
      ...ana,
      env: { EDITOR: 'vi' },
      statusLine: { type: 'command', command: '/Users/bea/.claude/line.sh' },
      hooks: { PreToolUse: [{ matcher: 'Bash', hooks: [{ type: 'command', command: 'bash /Users/bea/.claude/hooks/x.sh' }] }] },
      permissions: { allow: ['Bash(ls:*)'], deny: ['Read(/Users/bea/.ssh/**)'] },
    });
    expect(shown.needs).toEqual(['/env/ANTHROPIC_API_KEY']);
  });

  it('puts in place unasked only what runs nothing and allows nothing', () => {
    const shown = show(settingsForm, capture(settingsForm, ana, onAna).full, NOTHING, strict(onBea));
    expect(value(shown.body)).toEqual({ model: 'opus', permissions: { deny: ['Read(/Users/bea/.ssh/**)'] } });
    expect(shown.held.map(({ pointer }) => pointer)).toEqual(['/env/EDITOR', '/statusLine', '/hooks', '/permissions/allow/Bash(ls:*)']);
    expect(shown.held.find(({ pointer }) => pointer === '/statusLine')).toEqual({
      name: 'settings.json',
      pointer: '/statusLine',
      wanted: '{"command":"{{satchel:claude}}/line.sh","type":"command"}',
      applied: null,
    });
  });

  it.each<[string, unknown, unknown, readonly string[]]>([
    ['an allowed tool more', { permissions: { allow: ['a', 'b'] } }, { permissions: { allow: ['a'] } }, ['/permissions/allow/b']],
    ['an allowed tool less', { permissions: { allow: ['b'] } }, { permissions: { allow: ['b', 'a'] } }, []],
    ['a denied tool more', { permissions: { deny: ['a', 'b'] } }, { permissions: { deny: ['a'] } }, []],
    ['a denied tool less', { permissions: { deny: ['a'] } }, { permissions: { deny: ['a', 'b'] } }, ['/permissions/deny/b']],
    ['another mode', { permissions: { defaultMode: 'bypassPermissions' } }, {}, ['/permissions/defaultMode']],
    ['another hook', { hooks: { Stop: [] } }, { hooks: {} }, ['/hooks']],
    ['a hook less', {}, { hooks: { Stop: [] } }, ['/hooks']],
    ['an unknown key', { newFeature: 1 }, {}, ['/newFeature']],
    ['a plugin on', { enabledPlugins: { 'p@m': true } }, { enabledPlugins: { 'p@m': false } }, ['/enabledPlugins/p@m']],
    ['a plugin off', { enabledPlugins: { 'p@m': false } }, { enabledPlugins: { 'p@m': true } }, []],
    ['a helper', { apiKeyHelper: '/bin/key' }, {}, ['/apiKeyHelper']],
    ['a list of denials that is none', { permissions: { deny: 5 } }, {}, ['/permissions/deny']],
    ['denials that are no texts', { permissions: { deny: [1] } }, { permissions: { deny: ['a'] } }, ['/permissions/deny']],
    ['a model that is no text', { model: { a: 1 } }, { model: 'a' }, ['/model']],
    ['sessions deleted at once', { cleanupPeriodDays: 0 }, { cleanupPeriodDays: 30 }, ['/cleanupPeriodDays']],
    ['all inert', { model: 'a', outputStyle: 'b', theme: 'c' }, {}, []],
  ])('asks about %s', (_, full, local, held) => {
    const shown = show(settingsForm, bytes(full), { body: bytes(local), kept: {} }, strict(onBea));
    expect(shown.held.map(({ pointer }) => pointer)).toEqual(held);
    if (held.length > 0) expect(value(shown.body)).toEqual(local);
    else expect(show(settingsForm, bytes(full), { body: shown.body, kept: {} }, onBea)).toMatchObject({ body: shown.body });
  });

  it('puts an empty list in place as it was written', () => {
    const full = bytes({ permissions: { allow: [], deny: ['Bash(rm:*)'], ask: [] } });
    const shown = show(settingsForm, full, NOTHING, strict(onBea));
    expect([Buffer.from(shown.body).toString(), shown.held]).toEqual([Buffer.from(full).toString(), []]);
    const local = { body: bytes({ permissions: { allow: ['Bash(ls)'] } }), kept: {} };
    expect(value(show(settingsForm, full, local, strict(onBea)).body)).toEqual({
      permissions: { allow: [], deny: ['Bash(rm:*)'], ask: [] },
    });
  });

  it('never puts a mark where this machine has a value, nor takes the value away', () => {
    const { full, kept } = capture(settingsForm, ana, onAna);
    const here = { env: { ANTHROPIC_API_KEY: 'another of my own' } };
    const captured = good(settingsForm.lay(full, NOTHING, bytes(here), onBea));
    const shown = show(settingsForm, captured.full, { body: bytes(here), kept: captured.kept }, onBea);
    expect(value(shown.body)).toMatchObject({ env: { ANTHROPIC_API_KEY: 'another of my own', EDITOR: 'vi' } });
    expect(kept).not.toEqual(captured.kept);
    expect(Buffer.from(captured.full).toString()).not.toContain('another');
  });

  it('brings a secret back that others took out and put in again', () => {
    const { full, kept } = capture(settingsForm, ana, onAna);
    const without = show(settingsForm, bytes({ ...ana, env: {} }), { body: bytes(ana), kept }, onAna);
    expect(value(without.body)).toMatchObject({ env: {} });
    const laid = good(settingsForm.lay(bytes({ ...ana, env: {} }), { body: without.body, kept }, bytes({ env: {}, model: 'x' }), onAna));
    expect(value(show(settingsForm, full, { body: without.body, kept: laid.kept }, onAna).body)).toMatchObject({ env: ana.env });
  });
});

describe('.claude.json', () => {
  const file = {
    numStartups: 17,
    oauthAccount: { emailAddress: 'ana@example.org' },
    mcpServers: {
      db: { type: 'stdio', command: '/home/ana/bin/db', args: ['--verbose', `--key=${KEY}`, '--port'], env: { DB_PASSWORD: 'hunter2222' } },
    },
    projects: {
      '/home/ana/app': { allowedTools: ['Bash(make)'], mcpServers: {}, hasTrustDialogAccepted: true, lastCost: 1 },
      '/home/ana/other': { allowedTools: [], mcpServers: {}, hasTrustDialogAccepted: true },
    },
  };
  const taken = good(claudeJsonForm.extract(bytes(file), null));

  it('takes part with MCP servers and what a few keys of projects hold', () => {
    expect(value(taken)).toEqual({ mcpServers: file.mcpServers, projects: { '/home/ana/app': { allowedTools: ['Bash(make)'] } } });
    const { full } = good(claudeJsonForm.lay(null, NOTHING, taken, onAna));
    expect(value(full)).toEqual({
      mcpServers: {
        db: {
          type: 'stdio',
          command: '{{satchel:home}}/bin/db',
          args: ['--verbose', '{{satchel:secret 0}}', '--port'],
          env: { DB_PASSWORD: '{{satchel:secret}}' },
        },
      },
      projects: { '{{satchel:home}}/app': { allowedTools: ['Bash(make)'] } },
    });
  });

  it('leaves all else in the file as it is, character by character', () => {
    const before = '{\n  "numStartups" : 3,\n  "userID":"x",\n  "mcpServers": {}\n}';
    const full = bytes({ mcpServers: { time: { command: 'time' } } });
    const part = good(claudeJsonForm.extract(bytes(before), null));
    const shown = show(claudeJsonForm, full, { body: part, kept: {} }, onBea);
    const written = good(claudeJsonForm.embed(bytes(before), shown.body));
    expect(Buffer.from(written).toString()).toBe(
      before.replace('"mcpServers": {}', '"mcpServers": {\n    "time": {"command":"time"}\n  }'),
    );
  });

  it('a server that needs a value in its arguments is left out, not started with half of them', () => {
    const { full } = good(claudeJsonForm.lay(null, NOTHING, taken, onAna));
    const shown = show(claudeJsonForm, full, NOTHING, onBea);
    expect(value(shown.body)).toMatchObject({ projects: {} });
    expect(Object.keys(value(shown.body) as object)).not.toContain('mcpServers');
    expect(shown.needs).toEqual(['/mcpServers/db/args', '/mcpServers/db/env/DB_PASSWORD']);
  });

  it('keeps a value in a list under its number while arguments come, go and change', () => {
    const first = good(claudeJsonForm.lay(null, NOTHING, taken, onAna));
    const again = (args: readonly string[], shown: LocalForm) => {
      const now = bytes({ mcpServers: { db: { ...file.mcpServers.db, args } } });
      const laid = good(claudeJsonForm.lay(first.full, shown, now, onAna));
      return { local: { body: now, kept: laid.kept }, args: (value(laid.full) as typeof file).mcpServers.db.args };
    };
    const moved = again([`--key=${KEY}`, '--port', '--quiet'], { body: taken, kept: first.kept });
    expect(moved.args.toSorted()).toEqual(['--port', '--quiet', '{{satchel:secret 0}}'].toSorted());
    const changed = again([`--key=${KEY}2`, '--port', '--quiet'], moved.local);
    expect(changed.args).toContain('{{satchel:secret 0}}');
    const added = again([`--key=${KEY}3`, `--key=${KEY}2`], changed.local);
    expect(added.local.kept).toMatchObject({ '/mcpServers/db/args#0': `--key=${KEY}2`, '/mcpServers/db/args#1': `--key=${KEY}3` });
  });

  it('that Claude Code began anew takes nothing out of the space', () => {
    const { full, kept } = good(claudeJsonForm.lay(null, NOTHING, taken, onAna));
    const fresh = good(claudeJsonForm.extract(bytes({ numStartups: 1 }), taken));
    expect(good(claudeJsonForm.lay(full, { body: taken, kept }, fresh, onAna)).full).toEqual(full);
  });

  it('tells what was taken out from what was never there', () => {
    const { full, kept } = good(claudeJsonForm.lay(null, NOTHING, taken, onAna));
    const emptied = { mcpServers: {}, projects: { '/home/ana/app': { allowedTools: [] } } };
    const now = good(claudeJsonForm.extract(bytes(emptied), taken));
    expect(value(now)).toEqual(emptied);
    expect(value(good(claudeJsonForm.lay(full, { body: taken, kept }, now, onAna)).full)).toEqual({
      mcpServers: {},
      projects: { '{{satchel:home}}/app': { allowedTools: [] } },
    });
  });

  it('a project that this machine does not know has no place in the file', () => {
    const { full } = good(claudeJsonForm.lay(null, NOTHING, taken, onAna));
    const part = good(claudeJsonForm.extract(bytes({ projects: {} }), null));
    const shown = show(claudeJsonForm, full, { body: part, kept: {} }, onBea);
    expect(value(good(claudeJsonForm.embed(bytes({ projects: {} }), shown.body)))).toEqual({ projects: {} });
  });
});

describe('projects in .claude.json', () => {
  const at = (context: FormContext, places: Readonly<Record<string, string>>): FormContext => ({
    ...context,
    projects: {
      idOf: (path) => Object.entries(places).find(([, place]) => place === path)?.[0] ?? null,
      pathOf: (id) => places[id] ?? null,
    },
  });
  const ana = at(onAna, { 'app-1': '/home/ana/work/app' });
  const bea = at(onBea, { 'app-1': '/Users/bea/code/app' });
  const servers = { mcpServers: { db: { command: 'db' } } };
  const extracted = (projects: unknown, known: Uint8Array | null = null) => good(claudeJsonForm.extract(bytes({ projects }), known));

  it('are found at another path of another machine', () => {
    const { full } = capture(claudeJsonForm, { projects: { '/home/ana/work/app': servers } }, ana);
    expect(value(full)).toEqual({ projects: { '{{satchel:project:app-1}}': servers } });
    const shown = show(claudeJsonForm, full, { body: extracted({ '/Users/bea/code/app': {} }), kept: {} }, bea);
    const file = bytes({ projects: { '/Users/bea/code/app': { lastCost: 1 } } });
    expect(value(good(claudeJsonForm.embed(file, shown.body)))).toEqual({
      projects: { '/Users/bea/code/app': { lastCost: 1, ...servers } },
    });
  });

  it('wait where they have no place, and are not taken out by that', () => {
    const { full } = capture(claudeJsonForm, { projects: { '/home/ana/work/app': servers } }, ana);
    const shown = show(claudeJsonForm, full, NOTHING, at(onBea, {}));
    expect([value(shown.body), shown.held, shown.needs]).toEqual([{}, [], []]);
    const now = bytes({ mcpServers: { x: {} } });
    expect(value(good(claudeJsonForm.lay(full, { body: shown.body, kept: {} }, now, at(onBea, {}))).full)).toEqual({
      projects: { '{{satchel:project:app-1}}': servers },
      mcpServers: { x: {} },
    });
  });

  it('keep what they have when a path becomes known as a project', () => {
    const { full, kept } = capture(claudeJsonForm, { projects: { '/home/ana/work/app': servers } }, onAna);
    expect(value(full)).toEqual({ projects: { '{{satchel:home}}/work/app': servers } });
    const local = { body: extracted({ '/home/ana/work/app': servers }), kept };
    const shown = show(claudeJsonForm, full, local, strict(ana));
    expect([value(shown.body), shown.held]).toEqual([value(local.body), []]);
    const renamed = good(claudeJsonForm.lay(full, local, local.body, ana)).full;
    expect(value(renamed)).toEqual({ projects: { '{{satchel:project:app-1}}': servers } });
    const now = extracted({ '/home/ana/work/app': { mcpServers: {} } }, local.body);
    const laid = good(claudeJsonForm.lay(full, local, now, ana));
    expect(value(show(claudeJsonForm, laid.full, { body: now, kept: laid.kept }, ana).body)).toEqual(value(now));
  });

  it('are taken out of a machine by nobody’s silence', () => {
    const shown = show(claudeJsonForm, bytes({ mcpServers: {} }), { body: extracted({ '/home/ana/work/app': servers }), kept: {} }, ana);
    expect(value(shown.body)).toMatchObject({ projects: { '/home/ana/work/app': servers } });
  });
});

describe('plugin registries', () => {
  it.each([
    [
      installedPluginsForm,
      {
        version: 2,
        plugins: { 'p@m': [{ scope: 'user', installPath: '/home/ana/.claude/plugins/cache/m/p/1.0.0', gitCommitSha: 'a'.repeat(40) }] },
      },
      {
        version: 2,
        plugins: { 'p@m': [{ scope: 'user', installPath: '/Users/bea/.claude/plugins/cache/m/p/1.0.0', gitCommitSha: 'a'.repeat(40) }] },
      },
    ],
    [
      knownMarketplacesForm,
      { m: { source: { source: 'github', repo: 'a/b' }, installLocation: '/home/ana/.claude/plugins/marketplaces/m' } },
      { m: { source: { source: 'github', repo: 'a/b' }, installLocation: '/Users/bea/.claude/plugins/marketplaces/m' } },
    ],
  ])('name this machine’s folders: %#', (form, ana, bea) => {
    const { full } = capture(form, ana, onAna);
    expect(value(show(form, full, NOTHING, onBea).body)).toEqual(bea);
    expect(show(form, full, NOTHING, strict(onBea)).held).toHaveLength(1);
  });

  it('do not go back and forth between machines', () => {
    const { full } = capture(knownMarketplacesForm, { m: { installLocation: '/home/ana/.claude/m' } }, onAna);
    const shown = show(knownMarketplacesForm, full, NOTHING, onBea);
    expect(good(knownMarketplacesForm.lay(full, { body: shown.body, kept: {} }, shown.body, onBea)).full).toEqual(full);
  });
});

describe('any form of JSON refuses what it cannot read', () => {
  it.each([...FORMS.values()].filter((form) => form !== historyForm).map((form) => [form.id, form] as const))('%s', (_, form) => {
    for (const body of ['{"a":1,}', '[]', '', '{"a":1,"a":2}', '\0'])
      expect([
        form.extract(bytes(body), null).ok,
        form.lay(bytes({}), NOTHING, bytes(body), onAna).ok,
        form.show(bytes(body), NOTHING, onAna).ok,
      ]).toEqual([false, false, false]);
  });
});

describe('laws', () => {
  const text = fc.constantFrom(
    'a',
    'b',
    '/home/ana/x',
    '/Users/bea/x',
    '{{satchel:secret}}',
    '{{satchel:home}}',
    KEY,
    `--key=${KEY}`,
    'Bash(ls)',
    '/opt/x',
  );
  const leaf = fc.oneof({ weight: 4, arbitrary: text }, { weight: 1, arbitrary: fc.constantFrom(1, true, false, null) });
  const name = fc.constantFrom(
    'model',
    'theme',
    'hooks',
    'statusLine',
    'newKey',
    'env',
    'permissions',
    'enabledPlugins',
    'API_KEY',
    'allow',
    'deny',
    '/home/ana/p',
    'x',
  );
  const json = fc.letrec((tie) => ({
    any: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      leaf,
      fc.array(tie('any'), { maxLength: 3 }),
      fc.dictionary(name, tie('any'), { maxKeys: 3 }),
    ),
  })).any;
  const texts = fc.uniqueArray(text, { maxLength: 4 });
  const settings = fc
    .record(
      {
        model: text,
        hooks: json,
        env: fc.dictionary(fc.constantFrom('API_KEY', 'EDITOR', 'HOME_DIR'), text),
        permissions: fc.record({ allow: texts, deny: texts, defaultMode: text }, { requiredKeys: [] }),
        newKey: json,
      },
      { requiredKeys: [] },
    )
    .chain((known) => fc.oneof(fc.constant(known as object), fc.dictionary(name, json, { maxKeys: 5 })));
  const servers = fc.dictionary(
    fc.constantFrom('one', 'two'),
    fc.record(
      { command: text, args: fc.array(text, { maxLength: 3 }), env: fc.dictionary(fc.constantFrom('API_KEY', 'EDITOR'), text) },
      { requiredKeys: [] },
    ),
    { maxKeys: 2 },
  );
  const claudeJson = fc.record({ mcpServers: servers });
  const admit = fc.func<[string], boolean>(fc.boolean()).map(
    (decide) =>
      ({ pointer }: FormPart): Admission =>
        decide(pointer) ? 'yes' : 'ask',
  );
  const layout = fc.constantFrom(0, 2, '\t');
  const print = ([body, indent]: readonly [unknown, string | number]): Uint8Array => Buffer.from(JSON.stringify(body, null, indent));

  const forms = [
    { form: settingsForm, documents: settings },
    { form: claudeJsonForm, documents: claudeJson },
  ];

  it('hold where a text stands in the place of something that holds secrets, and elsewhere too', () => {
    // Found by the law below, once in some hundred thousand cases.
    const theirs = { hooks: { Stop: [KEY] }, permissions: { deny: ['/opt/x', 'b'] } };
    const own = { hooks: '{{satchel:home}}', permissions: { deny: ['{{satchel:home}}', '/opt/x'] } };
    const context: FormContext = { ...onAna, admit: ({ pointer }) => (pointer.includes('{{satchel:secret') ? 'ask' : 'yes') };
    const { full } = capture(settingsForm, theirs, onAna);
    const { kept } = good(settingsForm.lay(null, NOTHING, bytes(own), context));
    const shown = show(settingsForm, full, { body: bytes(own), kept }, context);
    expect([value(shown.body), shown.held]).toEqual([{ permissions: { deny: ['/opt/x', 'b'] } }, []]);
    expect(show(settingsForm, full, { body: shown.body, kept }, context).body).toEqual(shown.body);
  });

  it.each([
    ['has the order of the space', ['{{satchel:secret 0}}', '{{satchel:secret 1}}', 'x']],
    ['has another order of marks', ['{{satchel:secret 1}}', '{{satchel:secret 0}}', 'x']],
  ])('hold where a list that %s has a text twice, one of them in the place of a mark', (_, args) => {
    const full = bytes({ mcpServers: { one: { args } } });
    const shown = show(claudeJsonForm, full, { body: bytes({ mcpServers: { one: { args: ['x', 'x', 'a'] } } }), kept: {} }, onAna);
    expect(Buffer.from(show(claudeJsonForm, full, { body: shown.body, kept: {} }, onAna).body)).toEqual(Buffer.from(shown.body));
  });

  it.each([
    [
      [['{{satchel:secret 0}}', 'a'], '{{satchel:secret 1}}'],
      ['a', 'a'],
    ],
    [
      [['{{satchel:secret 0}}'], '{{satchel:secret 1}}'],
      [[], 1],
    ],
  ])('hold where a list holds lists and marks: %#', (theirs, own) => {
    const full = bytes({ newKey: theirs });
    const shown = show(settingsForm, full, { body: bytes({ newKey: own }), kept: {} }, onAna);
    expect(Buffer.from(show(settingsForm, full, { body: shown.body, kept: {} }, onAna).body)).toEqual(Buffer.from(shown.body));
  });

  it('hold where a list of lists stands in the place of one that holds a secret deeper', () => {
    const full = bytes({ API_KEY: [{ model: { model: '{{satchel:secret 0}}' } }] });
    const edited = bytes({ API_KEY: [[`--key=${KEY}`]] });
    const { body } = show(settingsForm, full, NOTHING, onAna);
    const laid = good(settingsForm.lay(full, { body, kept: {} }, edited, onAna));
    expect(value(show(settingsForm, laid.full, { body: edited, kept: laid.kept }, onAna).body)).toEqual(value(edited));
    expect(Buffer.from(laid.full).toString()).not.toContain(KEY);
  });

  it('hold where what is kept stands in a list openly, too', () => {
    const full = bytes({ mcpServers: { two: { args: ['x', '{{satchel:secret 0}}', 'x'] } } });
    const kept = { '/mcpServers/two/args#0': 'x' };
    const shown = show(claudeJsonForm, full, { body: bytes({ mcpServers: { two: { args: ['x', 'a'] } } }), kept }, onAna);
    expect(Buffer.from(show(claudeJsonForm, full, { body: shown.body, kept }, onAna).body)).toEqual(Buffer.from(shown.body));
  });

  it('hold where what is named like a secret is no text', () => {
    const { full } = capture(settingsForm, { env: { env: { env: KEY, model: [] } } }, onAna);
    const { body } = show(settingsForm, full, NOTHING, onAna);
    const laid = good(settingsForm.lay(full, { body, kept: {} }, bytes({}), onAna));
    expect(value(show(settingsForm, laid.full, { body: bytes({}), kept: laid.kept }, onAna).body)).toEqual({});
  });

  it.each(forms)('of $form.id', ({ form, documents }) => {
    const printed = fc.tuple(documents, layout).map(print);
    fc.assert(
      fc.property(printed, fc.option(printed), printed, admit, fc.constantFrom(onAna, onBea), (theirs, own, edited, admits, machine) => {
        const context = { ...machine, admit: admits };
        const { full } = capture(form, Buffer.from(theirs).toString(), onAna);
        const kept = own === null ? {} : good(form.lay(null, NOTHING, own, context)).kept;
        const shown = show(form, full, own === null ? NOTHING : { body: own, kept }, context);
        const local = { body: shown.body, kept };

        // What is shown does not change by being shown again.
        expect(Buffer.from(show(form, full, local, context).body)).toEqual(Buffer.from(shown.body));
        // Nothing found, nothing changed: byte for byte.
        expect(good(form.lay(full, local, shown.body, context)).full).toBe(full);
        // What the user writes stays as the user wrote it, unless that lets in what had to wait.
        const laid = good(form.lay(full, local, edited, context));
        const waited = own !== null && shown.held.length + shown.needs.length > 0;
        if (!waited)
          expect(Buffer.from(show(form, laid.full, { body: edited, kept: laid.kept }, context).body).toString()).toBe(
            Buffer.from(edited).toString(),
          );
        // No secret leaves, and no mark arrives that the user did not write.
        expect(Buffer.from(laid.full).toString()).not.toContain(KEY);
        const onOther = show(form, laid.full, NOTHING, onBea).body;
        expect(JSON.stringify(value(onOther))).not.toMatch(/\{\{satchel:secret \d/);
      }),
      { numRuns: extent(150, 500) },
    );
  });

  it('what was not shown stays in the space, whatever else is edited', () => {
    fc.assert(
      fc.property(settings, settings, admit, fc.array(name), (theirs, own, admits, gone) => {
        const context = { ...onBea, admit: admits };
        const { full } = capture(settingsForm, theirs, onAna);
        const mine = good(settingsForm.lay(null, NOTHING, bytes(own), context));
        const shown = show(settingsForm, full, { body: bytes(own), kept: mine.kept }, context);
        const before = value(shown.body) as Record<string, unknown>;
        const now = Object.fromEntries(Object.entries(before).filter(([key]) => !gone.includes(key as never)));
        const laid = good(settingsForm.lay(full, { body: shown.body, kept: mine.kept }, bytes(now), context));
        const wanted = value(full) as Record<string, unknown>;
        const after = value(laid.full) as Record<string, unknown>;
        for (const [key, part] of Object.entries(wanted))
          if (!Object.hasOwn(before, key) && !key.includes('{{')) expect(after[key]).toEqual(part);
        for (const { pointer, wanted: part } of shown.held) {
          const keys = pointer.slice(1).split('/');
          if (keys.length === 1 && part !== null && !pointer.includes('~')) expect(Object.hasOwn(after, keys[0] ?? '')).toBe(true);
        }
      }),
      { numRuns: extent(150, 400) },
    );
  });
});
