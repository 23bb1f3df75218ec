import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { forkName } from './fork-name.ts';
import { jsonlKind } from './jsonl.ts';
import { transcriptKind } from './transcript.ts';

const NAME = 'projects/p/1b4e28ba-2fa1-41d2-883f-0016d3cca427.jsonl';
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));
const of = (text: string) => ({ body: bytes(text), attributes: {} });

function merge(kind: typeof jsonlKind, base: string | null, theirs: string, ours: string): string {
  const outcome = kind.merge({ name: NAME, base: base === null ? null : of(base), theirs: of(theirs), ours: of(ours) });
  if (outcome.type === 'merged') return Buffer.from(outcome.version.body).toString('latin1');
  return outcome.type === 'forked' ? `> ${outcome.name}` : `! ${outcome.reason}`;
}

describe('jsonl is the union of lines', () => {
  it.each<[string, string | null, string, string, string]>([
    ['both extended', 'a\n', 'a\nt\n', 'a\no\n', 'a\nt\no\n'],
    ['the same line once', 'a\n', 'a\nx\nt\n', 'a\nx\no\n', 'a\nx\nt\no\n'],
    ['one goes on from the other', 'a\n', 'a\nx\n', 'a\nx\ny\n', 'a\nx\ny\n'],
    ['a removed line', 'a\nb\nc\n', 'b\nc\nt\n', 'a\nb\n', 'b\nt\n'],
    ['no base', null, 'a\nt\n', 'a\no\n', 'a\nt\no\n'],
    ['no base, one is longer', null, 'a\n', 'a\nb\n', 'a\nb\n'],
    ['a repeated line counts', 'a\n', 'a\na\n', 'a\na\na\n', 'a\na\na\n'],
    ['one of two equal lines is removed', 'a\na\n', 'a\n', 'a\na\no\n', 'a\no\n'],
    ['an unfinished line stays last', 'a\n', 'a\n{"tor', 'a\no\n', 'a\no\n{"tor'],
    ['an unfinished line of ours too', 'a\n', 'a\nt\n', 'a\n{"tor', 'a\nt\n{"tor'],
    ['an unfinished line was finished', 'a\n', 'a\n{"tor', 'a\n{"torn"}\no\n', 'a\n{"torn"}\no\n'],
    ['both finished an unfinished line', 'a\ntor', 'a\ntorn\n', 'a\ntore\n', 'a\ntorn\ntore\n'],
    ['two unfinished lines', 'a\n', 'a\nt\nx', 'a\no\ny', '! both sides end in an unfinished line'],
    ['bytes that are no text', 'a\n', 'a\n\xff\0\n', 'a\n\xfe\r\n', 'a\n\xff\0\n\xfe\r\n'],
  ])('%s', (_, base, theirs, ours, expected) => expect(merge(jsonlKind, base, theirs, ours)).toBe(expected));

  it('takes a hundred thousand equal lines', () => {
    const same = 'x\n'.repeat(100_000);
    expect(merge(jsonlKind, same, `t\n${same}`, `${same}o\n`)).toBe(`t\n${same}o\n`);
  });
});

describe('a transcript goes on, or forks', () => {
  const FORK = `> ${forkName(NAME, bytes('a\no\n'))}`;
  it.each<[string, string | null, string, string, string]>([
    ['ours goes on', 'a\n', 'a\nb\n', 'a\nb\nc\n', 'a\nb\nc\n'],
    ['theirs goes on', 'a\n', 'a\nb\nc\n', 'a\nb\n', 'a\nb\nc\n'],
    ['no base', null, 'a\n', 'a\nb\n', 'a\nb\n'],
    ['an unfinished line is finished', 'a\n', 'a\n{"x', 'a\n{"x":1}\n', 'a\n{"x":1}\n'],
    ['two ways', 'a\n', 'a\nt\n', 'a\no\n', FORK],
    ['two ways without a base', null, 'a\nt\n', 'a\no\n', FORK],
    ['theirs was rewritten', 'a\n', 'A\n', 'a\no\n', `> ${forkName(NAME, bytes('a\n'))}`],
    ['ours went on further', 'a\n', 'a\nt\nt\n', 'a\no\nmore\n', FORK],
  ])('%s', (_, base, theirs, ours, expected) => expect(merge(transcriptKind, base, theirs, ours)).toBe(expected));

  it('is never deleted by its disappearance', () => expect(transcriptKind.deletable).toBe(false));

  it('is a conflict where the fork would have too long a name', () => {
    const name = `${'ä'.repeat(500)}/a.jsonl`;
    const outcome = transcriptKind.merge({ name, base: null, theirs: of('t'), ours: of('o') });
    expect(outcome).toEqual({ type: 'conflict', reason: 'two continuations, and the name is too long for a fork' });
  });
});

describe('the name of a fork', () => {
  it('is the one that other implementations find', () => {
    // SHA-256("satchel/v1/fork\0" ‖ 00000000 00000003 ‖ "abc" ‖ SHA-256("body")), made a UUID of version 8.
    expect(forkName('projects/p/abc.jsonl', bytes('body'))).toBe('projects/p/1f099430-9be2-8ecf-a3a7-b6a193e9d67d.jsonl');
  });

  it('is a pure function of the old id and the content, in the same folder, with the same extension', () => {
    const id = fc.stringMatching(/^[a-z0-9-]{1,40}$/);
    const uuid = /^a\/b\/[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\.jsonl$/;
    fc.assert(
      fc.property(id, fc.uint8Array(), fc.uint8Array(), (old, one, other) => {
        const name = forkName(`a/b/${old}.jsonl`, one);
        expect(name).toMatch(uuid);
        expect(forkName(`a/b/${old}.jsonl`, Uint8Array.from(one))).toBe(name);
        expect(forkName(`a/b/${old}.jsonl`, other) === name).toBe(Buffer.from(one).equals(other));
        expect(forkName(`a/b/${old}x.jsonl`, one)).not.toBe(name);
      }),
    );
  });

  it.each([
    ['id', /^[0-9a-f-]{36}$/],
    ['a.b/id', /^a\.b\/[0-9a-f-]{36}$/],
    ['a/.hidden', /^a\/[0-9a-f-]{36}$/],
  ])('of %s', (name, expected) => expect(forkName(name, bytes('x'))).toMatch(expected));
});
