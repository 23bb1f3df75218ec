import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FormContext, LocalForm } from './form.ts';
import { historyForm } from './history-form.ts';

const machine = (home: string, places: Readonly<Record<string, string>>): FormContext => ({
  paths: { home, claudeHome: `${home}/.claude` },
  isSecret: () => false,
  admit: () => 'yes',
  projects: {
    idOf: (path) => Object.keys(places).find((id) => places[id] === path) ?? null,
    pathOf: (id) => places[id] ?? null,
  },
});
const onAna = machine('/home/ana', { app: '/home/ana/work/x', 'n-1': '/home/ana/n' });
const onBea = machine('/Users/bea', { app: '/Users/bea/code/\u00e9' });
const NOTHING: LocalForm = { body: null, kept: {} };

const line = (display: string, project: string, timestamp: number): string =>
  `${JSON.stringify({ display, pastedContents: {}, timestamp, project, sessionId: 's' })}\n`;
const bytes = (...lines: string[]): Uint8Array => Buffer.from(lines.join(''));
const text = (body: Uint8Array): string => Buffer.from(body).toString();
function good<T>(result: { ok: true; value: T } | { ok: false; error: unknown }): T {
  if (!result.ok) throw new Error(String(result.error));
  return result.value;
}
const lay = (full: Uint8Array | null, shown: LocalForm, now: Uint8Array, on: FormContext) => good(historyForm.lay(full, shown, now, on));
const show = (full: Uint8Array, local: LocalForm, on: FormContext): Uint8Array => good(historyForm.show(full, local, on)).body;

describe('history.jsonl', () => {
  it('names the project, or the place in the home, in the space; and this machine’s folder here', () => {
    const mine = bytes(line('say "project":"no"', '/home/ana/work/x', 1), line('two', '/home/ana/else', 2), line('three', '/srv/x', 3));
    const { full } = lay(null, NOTHING, mine, onAna);
    expect(text(full)).toBe(
      line('say "project":"no"', '{{satchel:project:app}}', 1) + line('two', '{{satchel:home}}/else', 2) + line('three', '/srv/x', 3),
    );
    expect(text(show(full, NOTHING, onBea))).toBe(
      line('say "project":"no"', '/Users/bea/code/\u00e9', 1) + line('two', '/Users/bea/else', 2) + line('three', '/srv/x', 3),
    );
  });

  it('leaves out what was typed in a project without a place here, and takes it for gone nowhere', () => {
    const { full } = lay(null, NOTHING, bytes(line('one', '/home/ana/n', 1), line('two', '/srv/x', 2)), onAna);
    const shown = show(full, NOTHING, onBea);
    expect(text(shown)).toBe(line('two', '/srv/x', 2));
    const laid = lay(full, { body: shown, kept: {} }, bytes(text(shown), line('three', '/srv/x', 3)), onBea);
    expect(text(laid.full)).toBe(text(full) + line('three', '/srv/x', 3));
    expect(laid.kept).toEqual({});
  });

  it('is the union: others’ lines come where their time is, and ours stay in their order', () => {
    const mine = bytes(line('a', '/x', 10), line('c', '/x', 30), line('b', '/x', 20));
    const { full } = lay(bytes(line('t', '/x', 15), line('u', '/x', 40)), NOTHING, mine, onAna);
    expect(text(show(full, { body: mine, kept: {} }, onAna))).toBe(
      [line('a', '/x', 10), line('t', '/x', 15), line('c', '/x', 30), line('b', '/x', 20), line('u', '/x', 40)].join(''),
    );
  });

  it('what Claude Code deletes by age stays in the space, and away from here', () => {
    const all = [10, 20, 30, 40].map((time) => line('typed', '/x', time));
    const full = bytes(...all);
    const pruned = lay(full, { body: full, kept: {} }, bytes(...all.slice(2)), onAna);
    expect(pruned.full).toBe(full);
    const more = bytes(text(full), line('theirs', '/x', 50), line('their old one', '/x', 5));
    expect(text(show(more, { body: bytes(...all.slice(2)), kept: pruned.kept }, onAna))).toBe(
      all.slice(2).join('') + line('theirs', '/x', 50),
    );
    expect(text(show(more, NOTHING, onBea)).split('\n')).toHaveLength(7);
  });

  it('what is no line of Claude Code’s stays as it is, to the byte', () => {
    const odd = Buffer.concat([
      Buffer.from([0xff, 0xfe, 10]),
      bytes('not json\n', '{"project":"/home/ana/\\u0061"}\n', '{"project":"/home/ana/a","x":{"project":"/b"}}\n'),
    ]);
    const { full } = lay(null, NOTHING, odd, onAna);
    expect(Buffer.from(full)).toEqual(odd);
    expect(Buffer.from(show(full, NOTHING, onBea))).toEqual(odd);
  });
});

describe('laws', () => {
  const typed = fc
    .record({
      display: fc.constantFrom('a', 'b', '"project":"x"', '\u00e9\n'),
      project: fc.constantFrom(
        '/home/ana/work/x',
        '/home/ana/n',
        '/home/ana',
        '/Users/bea/code/\u00e9',
        '/Users/bea',
        '{{satchel:home}}',
        '/srv',
      ),
      time: fc.nat(6),
    })
    .map(({ display, project, time }) => line(display, project, time));
  const body = fc.array(typed, { maxLength: 6 }).map((lines) => bytes(...lines));
  const both = fc.constantFrom(onAna, onBea);

  it('what is shown again is the same; nothing found, nothing changed; what the user did stays', () => {
    fc.assert(
      fc.property(body, fc.option(body), body, both, both, (theirs, own, edited, author, here) => {
        const first = lay(null, NOTHING, theirs, author).full;
        const { full, kept } = own === null ? { full: first, kept: {} } : lay(first, NOTHING, own, here);
        const shown = show(full, { body: own, kept }, here);
        const local = { body: shown, kept };
        expect(text(show(full, local, here))).toBe(text(shown));
        expect(lay(full, local, shown, here)).toEqual({ full, kept });
        const laid = lay(full, local, edited, here);
        expect(text(show(laid.full, { body: edited, kept: laid.kept }, here))).toBe(text(edited));
        // Nothing that the space held is lost.
        expect(text(laid.full).startsWith(text(full))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
