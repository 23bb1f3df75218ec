import { describe, expect, it } from 'vitest';
import type { MachineId } from '../core/ids.ts';
import { parseTree } from '../kinds/json/tree.ts';
import { UNKNOWN, writersBelow, writersSince, type Version } from './part-history.ts';

const machine = (name: string): MachineId => name as MachineId;

/** Newest first; `null`: deleted. */
function versions(...all: readonly (readonly [string, unknown])[]): Version[] {
  return all.map(([writer, value]) => {
    const tree = value === null ? null : parseTree(Buffer.from(JSON.stringify(value)));
    if (tree !== null && !tree.ok) throw new Error(tree.error);
    return { tree: tree === null ? null : tree.value, writer: machine(writer) };
  });
}

const HOOK = { pointer: '/hooks', wanted: '"x"', applied: null };

describe('who wrote what is new in a part', () => {
  it.each<[string, Version[], (string | null)[]]>([
    ['its last writer', versions(['b', { hooks: 'x' }], ['a', { hooks: 'y' }], ['a', {}]), ['b', 'a']],
    ['not who wrote beside it later', versions(['b', { hooks: 'x', theme: 1 }], ['a', { hooks: 'x' }], ['a', {}]), ['a']],
    ['the first, where it was there from the beginning', versions(['b', { hooks: 'x', theme: 1 }], ['a', { hooks: 'x' }]), ['a']],
    ['who put it back', versions(['b', { hooks: 'x' }], ['a', {}], ['a', { hooks: 'x' }]), ['b']],
    ['who began the file anew', versions(['b', { hooks: 'x' }], ['a', null], ['a', { hooks: 'x' }]), ['b']],
    ['nobody known, behind what is known', [...versions(['b', { hooks: 'x' }]), UNKNOWN], ['b', null]],
    [
      'nobody known, behind who wrote beside it',
      [...versions(['b', { hooks: 'x', theme: 1 }], ['c', { hooks: 'x' }]), UNKNOWN],
      ['c', null],
    ],
    ['nobody known, where it has another name', versions(['b', { theme: 1 }]), [null]],
  ])('is %s', (_, history, writers) => expect(writersSince(history, HOOK)).toEqual(writers));

  it('is who changed it since it was as it is here', () => {
    const history = versions(['b', { hooks: 'x' }], ['a', { hooks: 'y' }], ['c', { hooks: 'z' }]);
    expect(writersSince(history, { ...HOOK, applied: '"y"' })).toEqual(['b']);
    expect(writersSince(history, { ...HOOK, applied: '"z"' })).toEqual(['b', 'a']);
    expect(writersSince(history, { ...HOOK, applied: '"other"' })).toEqual(['b', 'a', 'c']);
  });

  it('is found by entry in a list, and by key with any character', () => {
    const history = versions(
      ['b', { permissions: { allow: ['one', 'a/b~c'] }, env: { 'a/b~c': 'v' } }],
      ['a', { permissions: { allow: ['a/b~c'] }, env: { 'a/b~c': 'v' } }],
    );
    expect(writersSince(history, { pointer: '/permissions/allow/a~1b~0c', wanted: '"a/b~c"', applied: null })).toEqual(['a']);
    expect(writersSince(history, { pointer: '/permissions/allow/one', wanted: '"one"', applied: null })).toEqual(['b']);
    expect(writersSince(history, { pointer: '/env/a~1b~0c', wanted: '"v"', applied: null })).toEqual(['a']);
  });
});

it('whoever ever wrote below a place is everyone who changed it', () => {
  const history = versions(
    ['d', { projects: { new: 'x' }, theme: 1 }],
    ['b', { projects: { new: 'x' } }],
    ['a', { projects: { old: 'x' } }],
  );
  expect(writersBelow(history, '/projects')).toEqual(['b', 'a']);
  expect(writersBelow([...history, UNKNOWN], '/projects')).toEqual(['b', 'a', null]);
});
