import { describe, expect, it } from 'vitest';
import { isSecretValue } from '../../redaction/secret-value.ts';
import { claudeJsonForm } from './claude-json-form.ts';
import type { Form, FormContext, LocalForm } from './form.ts';
import { knownMarketplacesForm } from './plugin-forms.ts';
import { settingsForm } from './settings-form.ts';

const onAna: FormContext = { paths: { home: '/home/ana', claudeHome: '/home/ana/.claude' }, isSecret: isSecretValue, admit: () => 'yes' };
const onBea: FormContext = { ...onAna, paths: { home: '/Users/bea', claudeHome: '/Users/bea/.claude' } };
const NOTHING: LocalForm = { body: null, kept: {} };
const KEY = 'sk-ant-abcdefghijklmnopqrstuvwxyz';
/** Nothing in it looks like a secret. */
const PLAIN = 'tulips in may';

const bytes = (value: unknown): Uint8Array => Buffer.from(`${JSON.stringify(value, null, 2)}\n`);
const text = (body: Uint8Array): string => Buffer.from(body).toString();
const value = (body: Uint8Array): unknown => JSON.parse(text(body));
function good<T>(result: { ok: true; value: T } | { ok: false; error: unknown }): T {
  if (!result.ok) throw new Error(String(result.error));
  return result.value;
}

/** A machine with one file. */
class Desk {
  readonly form: Form;
  readonly context: FormContext;
  local: LocalForm = NOTHING;
  shown: Uint8Array | null = null;
  needs: readonly string[] = [];

  constructor(form: Form, context: FormContext) {
    this.form = form;
    this.context = context;
  }

  /** The space's body is put in place. */
  take(full: Uint8Array): unknown {
    const shown = good(this.form.show(full, this.local, this.context));
    this.local = { ...this.local, body: shown.body };
    this.shown = full;
    this.needs = shown.needs;
    return value(shown.body);
  }

  /** The user writes the file; what is in the space then. */
  write(now: unknown, context: Partial<FormContext> = {}): Uint8Array {
    const laid = good(this.form.lay(this.shown, this.local, bytes(now), { ...this.context, ...context }));
    this.local = { body: bytes(now), kept: laid.kept };
    this.shown = laid.full;
    expect(value(good(this.form.show(laid.full, this.local, this.context)).body)).toEqual(now);
    return laid.full;
  }
}

const desks = (form: Form): [Desk, Desk] => [new Desk(form, onAna), new Desk(form, onBea)];
const server = (more: object): object => ({ mcpServers: { db: { command: 'db', ...more } } });

describe('a place in which the space has a mark', () => {
  it.each<[string, Form, (secret: unknown) => object, string]>([
    ['of env', settingsForm, (secret) => ({ env: { GREETING: secret } }), '/env/GREETING'],
    ['of a setting that nobody knows', settingsForm, (secret) => ({ newThing: { deep: secret } }), '/newThing/deep'],
    ['of a hook', settingsForm, (command) => ({ hooks: { Stop: [{ hooks: [{ type: 'command', command }] }] } }), '/hooks/Stop'],
    ['of a helper', settingsForm, (apiKeyHelper) => ({ apiKeyHelper }), '/apiKeyHelper'],
    ['of the env of a server', claudeJsonForm, (secret) => server({ env: { GREETING: secret } }), '/mcpServers/db/env/GREETING'],
    ['of a header', claudeJsonForm, (secret) => server({ headers: { 'X-Hello': secret } }), '/mcpServers/db/headers/X-Hello'],
    ['of an address', claudeJsonForm, (url) => server({ url }), '/mcpServers/db/url'],
    ['of arguments', claudeJsonForm, (secret) => server({ args: ['--verbose', secret, '--port'] }), '/mcpServers/db/args'],
    [
      'of a server of a project',
      claudeJsonForm,
      (secret) => ({ projects: { '/opt/app': { mcpServers: { db: { env: { GREETING: secret } } } } } }),
      '/projects/~1opt~1app/mcpServers/db/env/GREETING',
    ],
  ])('%s takes no value of another machine, whatever it looks like', (_, form, holding, need) => {
    for (const mine of [PLAIN, 'x', '', 47110815, 'true but secret']) {
      const [ana, bea] = desks(form);
      const full = ana.write(holding(KEY));
      bea.take(full);
      expect(bea.needs.some((pointer) => need.startsWith(pointer) || pointer.startsWith(need))).toBe(true);
      const after = bea.write(holding(mine));
      expect(value(after)).toEqual(value(full));
      expect(ana.take(after)).toEqual(holding(KEY));
      // Nor the next one, there or here.
      expect(value(bea.write(holding(`${PLAIN} too`)))).toEqual(value(full));
      expect(value(ana.write(holding(PLAIN)))).toEqual(value(full));
    }
  });

  it('counts for a machine that had a file before it was shown anything', () => {
    const [ana, bea] = desks(settingsForm);
    const full = ana.write({ env: { GREETING: KEY } });
    expect(text(bea.write({ env: { GREETING: PLAIN } }, { standing: full }))).not.toContain(PLAIN);
  });

  it('counts from when the space has it, shown or not', () => {
    const [ana, bea] = desks(settingsForm);
    bea.take(ana.write({ env: { GREETING: 'hello' } }));
    const standing = ana.write({ env: { GREETING: KEY } });
    expect(text(bea.write({ env: { GREETING: PLAIN } }, { standing }))).not.toContain(PLAIN);
  });

  it('stays one where it was emptied and filled again, a server taken out and added', () => {
    for (const at of [0, 1]) {
      const both = desks(claudeJsonForm);
      const full = both[0].write(server({ env: { GREETING: KEY } }));
      const desk = both[at] as Desk;
      desk.take(full);
      if (at === 1) desk.write(server({ env: { GREETING: PLAIN } }));
      desk.write({ mcpServers: {} });
      expect(text(desk.write(server({ env: { GREETING: `${PLAIN} 2` } })))).not.toContain(PLAIN);
    }
  });

  it('takes a reference to a variable, which is no secret', () => {
    const [ana, bea] = desks(settingsForm);
    bea.take(ana.write({ env: { GREETING: KEY } }));
    expect(value(bea.write({ env: { GREETING: '${MINE}' } }))).toEqual({ env: { GREETING: '${MINE}' } });
    expect(text(bea.write({ env: { GREETING: '${MINE:-tulips in may}' } }))).not.toContain('tulips');
  });

  it('is none any more once a person released it, on all machines', () => {
    const [ana, bea] = desks(settingsForm);
    const full = ana.write({ env: { GREETING: KEY } });
    bea.take(full);
    bea.write({ env: { GREETING: PLAIN } });
    const isReleased = (pointer: string): boolean => pointer === '/env/GREETING';
    const spelled = ana.write({ env: { GREETING: 'hello' } }, { isReleased });
    expect(value(spelled)).toEqual({ env: { GREETING: 'hello' } });
    expect(bea.take(spelled)).toEqual({ env: { GREETING: 'hello' } });
    expect(value(bea.write({ env: { GREETING: 'hello there' } }))).toEqual({ env: { GREETING: 'hello there' } });
  });

  it('that was released lets out no value that another machine keeps there', () => {
    const [ana, bea] = desks(settingsForm);
    bea.take(ana.write({ env: { GREETING: KEY } }));
    bea.write({ env: { GREETING: PLAIN } });
    const spelled = ana.write({ env: { GREETING: 'hello' } }, { isReleased: () => true });
    // Bea is asked about it, and goes on with her own meanwhile.
    const shown = good(settingsForm.show(spelled, bea.local, { ...onBea, admit: () => 'ask' }));
    expect(value(shown.body)).toEqual({ env: { GREETING: PLAIN } });
    bea.local = { ...bea.local, body: shown.body };
    bea.shown = spelled;
    const laid = good(settingsForm.lay(spelled, bea.local, bytes({ env: { GREETING: `${PLAIN} 2` }, model: 'x' }), onBea));
    expect(text(laid.full)).not.toContain(PLAIN);
  });
});

describe('a list with a mark', () => {
  const args = (...list: unknown[]): object => server({ args: list });
  const argsOf = (full: Uint8Array): unknown => (value(full) as { mcpServers: { db: { args: unknown } } }).mcpServers.db.args;

  it.each<[unknown[]]>([
    [['--new', '--verbose', PLAIN, '--port']],
    [['--verbose', '--new', PLAIN, '--port']],
    [[PLAIN, '--verbose', '--port']],
    [['--port', '--verbose', PLAIN]],
    [[PLAIN]],
    [['--verbose', 47110815, '--port']],
  ])('takes the value of another machine in whatever order: %j', (list) => {
    const [ana, bea] = desks(claudeJsonForm);
    bea.take(ana.write(args('--verbose', KEY, '--port')));
    const full = bea.write(args(...list));
    expect(text(full)).not.toMatch(/tulips|47110815/);
    expect(argsOf(full)).toContain('{{satchel:secret 0}}');
    for (const option of ['--new', '--verbose', '--port']) if (list.includes(option)) expect(argsOf(full)).toContain(option);
  });

  it('lets other arguments travel once its marks have their values', () => {
    const [ana, bea] = desks(claudeJsonForm);
    bea.take(ana.write(args('--verbose', KEY, '--port')));
    bea.write(args('--verbose', PLAIN, '--port'));
    expect(argsOf(bea.write(args('fast', '--verbose', PLAIN, '--port', '8080')))).toEqual(
      expect.arrayContaining(['fast', '--verbose', '{{satchel:secret 0}}', '--port', '8080']),
    );
    expect(text(bea.write(args('fast', `${PLAIN} 2`, '--verbose', '--port', '8080')))).not.toContain(PLAIN);
  });

  it('that was put in another order, and got another mark, by the edits of others takes values in all of its marks', () => {
    const [ana, bea] = desks(claudeJsonForm);
    bea.take(ana.write(args('--verbose', KEY)));
    bea.write(args('--verbose', PLAIN));
    const merged = ana.write(args(`${KEY}2`, '--port', KEY, '--verbose'));
    expect(bea.take(merged)).toEqual(args('--verbose', PLAIN));
    for (const list of [
      ['daisies', '--port', PLAIN, '--verbose'],
      ['lilies', '--port', 'daisies', '--verbose'],
    ])
      expect(text(bea.write(args(...list)))).not.toMatch(/tulips|daisies|lilies/);
  });

  it('of hooks lets another hook travel beside the one that it is in', () => {
    const hook = (command: string): object => ({ hooks: [{ type: 'command', command }] });
    const [ana] = desks(settingsForm);
    ana.write({ hooks: { Stop: [hook(`call ${KEY}`)] } });
    const full = ana.write({ hooks: { Stop: [hook('date'), hook(`call ${KEY}`)] } });
    expect(text(full)).toContain('"date"');
    expect(text(full)).not.toContain(KEY);
  });

  it('of permissions holds back no other permission', () => {
    const [ana, bea] = desks(settingsForm);
    bea.take(ana.write({ permissions: { allow: ['Bash(ls)', `Bash(curl ${KEY})`] } }));
    expect(text(bea.write({ permissions: { allow: ['Bash(ls)', 'Bash(make)'] } }))).toContain('Bash(make)');
  });
});

describe('a value that is kept', () => {
  const before = { mcpServers: { db: { command: 'db', env: { GREETING: PLAIN, API_KEY: 'violets' }, args: ['--verbose'] } } };
  const kept = (): Desk => {
    const [ana, bea] = desks(claudeJsonForm);
    bea.take(ana.write({ mcpServers: { db: { command: 'db', env: { GREETING: KEY, API_KEY: 'roses!' }, args: ['--verbose'] } } }));
    bea.write(before);
    return bea;
  };

  it.each<[string, unknown]>([
    ['in a server of another name', { mcpServers: { other: before.mcpServers.db } }],
    ['under another key', { mcpServers: { db: { ...before.mcpServers.db, env: { HELLO: PLAIN, API: 'violets' } } } }],
    ['among the arguments', { mcpServers: { db: { ...before.mcpServers.db, env: {}, args: ['--verbose', PLAIN, `--hello=${PLAIN}`] } } }],
    ['in an address', { mcpServers: { db: { ...before.mcpServers.db, url: `https://x.example/${PLAIN}` } } }],
    ['in a header', { mcpServers: { db: { headers: { 'X-Hello': PLAIN } } } }],
    ['of a server of a project', { mcpServers: {}, projects: { '/opt/app': { mcpServers: before.mcpServers } } }],
  ])('stays %s', (_, now) => expect(text(kept().write(now))).not.toMatch(/tulips|violets/));

  it('stays under its name in a server of another name, changed at once', () => {
    expect(text(kept().write({ mcpServers: { other: { command: 'db', env: { GREETING: 'daisies' } } } }))).not.toContain('daisies');
  });
});

describe('what the space spelled out before it was known to be secret', () => {
  it('is as it was, until it changes: then it stays here', () => {
    const [ana] = desks(settingsForm);
    const full = bytes({ env: { API_KEY: PLAIN }, model: 'x' });
    ana.take(full);
    expect(value(ana.write({ env: { API_KEY: PLAIN }, model: 'y' }))).toEqual({ env: { API_KEY: PLAIN }, model: 'y' });
    expect(value(ana.write({ env: { API_KEY: 'daisies' }, model: 'y' }))).toEqual({ env: { API_KEY: '{{satchel:secret}}' }, model: 'y' });
  });
});

describe('a marketplace whose address holds a token', () => {
  const source = (url: string): object => ({ source: { source: 'git', url }, installLocation: '/opt/m' });

  it('stays as a whole where it was added; others travel', () => {
    const [ana, bea] = desks(knownMarketplacesForm);
    const other = { source: { source: 'github', repo: 'acme/plugins' }, installLocation: '/opt/o', lastSha: '3f9a12cd'.repeat(5) };
    const full = ana.write({ m: source(`https://x-access-token:${KEY}@git.example.com/m.git`), other });
    expect(text(full)).not.toContain(KEY);
    expect(bea.take(full)).toEqual({ other });
    const mine = { m: source('https://me:tulips@git.example.com/m.git'), other };
    expect(text(bea.write(mine))).not.toContain('tulips');
    expect(ana.take(full)).toMatchObject({ m: source(`https://x-access-token:${KEY}@git.example.com/m.git`) });
  });
});

it('a server is not put in place without its address, nor a status line without its command', () => {
  const [ana, bea] = desks(claudeJsonForm);
  expect(bea.take(ana.write({ mcpServers: { db: { type: 'http', url: `https://x.example/${KEY}` }, o: { command: 'o' } } }))).toEqual({
    mcpServers: { o: { command: 'o' } },
  });
  expect(bea.needs).toEqual(['/mcpServers/db/url']);
  const [one, two] = desks(settingsForm);
  expect(two.take(one.write({ statusLine: { type: 'command', command: `line ${KEY}` }, model: 'x' }))).toEqual({ model: 'x' });
});

it.each([[['--token', 'tulips']], [['-y', 'server', '--db-password', 'tulips']]])(
  'a value behind a telling option is secret: %j',
  (args) => {
    const [ana] = desks(claudeJsonForm);
    expect(text(ana.write(server({ args })))).not.toContain('tulips');
  },
);
