import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ContentDigest, MachineId } from '../../core/ids.ts';
import type { Item } from '../../core/item.ts';
import type { Workspace } from '../../core/replica/workspace.ts';
import { createSpaceDouble, type SpaceDouble } from '../../../tests/sources/workspace-double.ts';
import { treeHash } from '../../kinds/claude-home/consent-answer.ts';
import { consentUnit } from '../../kinds/claude-home/consent-unit.ts';
import { createConsentWorkspace, type ConsentBook, type Standing, type StandingQuery } from './consent-workspace.ts';
import type { ConsentSubject } from './consent.ts';

const AUTHOR = 'a'.repeat(64) as MachineId;

/** A workspace on a space in memory, and a book that allows what was approved. */
function home(space: SpaceDouble) {
  const approved = new Set<string>();
  const keyOf = ({ path, hash }: ConsentSubject): string => `${path} ${hash}`;
  const book: ConsentBook = {
    refresh: () => Promise.resolve(),
    judge: (subject) => (approved.has(keyOf(subject)) ? 'allowed' : 'waiting'),
    needsAllWriters: () => false,
    allows: (subject) => approved.has(keyOf(subject)),
    onChange: () => () => undefined,
  };
  const standing = ({ items = [], folders = [] }: StandingQuery): Promise<Standing[]> => {
    const covers = (item: Item): boolean =>
      folders.some((folder) => item.name.startsWith(`${folder}/`)) || items.some((each) => each.name === item.name);
    const found = [...space.heads.values()].filter(({ item }) => covers(item));
    return Promise.resolve(found.map(({ item, content }) => ({ item, content, author: AUTHOR, position: 1 })));
  };
  const inner: Workspace = space.workspace('home');
  const workspace = createConsentWorkspace(inner, { book, standing, writersSince: () => Promise.resolve([]) });
  return { approved, keyOf, workspace, standing };
}

const names = async (workspace: Workspace): Promise<string[]> => (await workspace.outstanding()).map(({ item }) => item.name);

describe('what is left out of outstanding', () => {
  it('is what could be executed; the inert passes', async () => {
    const space = createSpaceDouble();
    const { workspace } = home(space);
    for (const name of ['CLAUDE.md', 'rules/a.md', 'agents/a.md', 'Hooks/x.sh', 'skills', 'skills/note.md', 'skills/s/SKILL.md'])
      space.put(name, 'x');
    space.put('rules/link', '../hooks/x.sh', { link: true });
    expect(await names(workspace)).toEqual(['CLAUDE.md', 'rules/a.md']);
    expect((await workspace.withheld()).map(({ unit }) => unit.path)).toEqual([
      'Hooks/x.sh',
      'agents/a.md',
      'rules/link',
      'skills',
      'skills/note.md',
      'skills/s',
    ]);
  });

  it('is a folder as a whole: another file in it is another subject', async () => {
    const space = createSpaceDouble();
    const { workspace, approved, keyOf } = home(space);
    space.put('skills/s/SKILL.md', 'x');
    space.put('skills/s/a/run.sh', 'x');
    const [held] = await workspace.withheld();
    if (held === undefined) throw new Error('nothing is held');
    approved.add(keyOf(held.subject));
    expect(await names(workspace)).toEqual(['skills/s/SKILL.md', 'skills/s/a/run.sh']);
    space.put('skills/s/late.sh', 'x');
    expect(await names(workspace)).toEqual([]);
    space.remove('skills/s/late.sh');
    expect(await names(workspace)).toHaveLength(2);
    space.put('skills/s/a/run.sh', 'x', { mode: 0o755 });
    expect(await names(workspace)).toEqual([]);
  });

  it('is no removal, except of what guards this machine', async () => {
    const space = createSpaceDouble();
    const { workspace, approved, keyOf } = home(space);
    for (const name of ['skills/s/SKILL.md', 'agents/a.md', 'hooks/guard.sh']) space.put(name, 'x');
    for (const { subject } of await workspace.withheld()) approved.add(keyOf(subject));
    await workspace.applied((await workspace.outstanding()).map(({ item, content }) => ({ item, content, local: null })));
    for (const name of ['skills/s/SKILL.md', 'agents/a.md', 'hooks/guard.sh']) space.remove(name);
    expect(await names(workspace)).toEqual(['agents/a.md', 'skills/s/SKILL.md']);
    expect(await workspace.withheld()).toMatchObject([{ subject: { path: 'hooks/guard.sh', hash: 'removed' } }]);
  });

  it('is a link in it to what changes unasked, whatever was answered', async () => {
    const space = createSpaceDouble();
    const { workspace, approved, keyOf } = home(space);
    space.put('skills/a/SKILL.md', '../../rules/x.md', { link: true });
    space.put('skills/b/SKILL.md', 'real/SKILL.md', { link: true });
    space.put('skills/c', 'b', { link: true });
    space.put('agents/d', '../plans', { link: true });
    space.put('rules/e', '../plans', { link: true });
    const held = await workspace.withheld();
    for (const { subject } of held) approved.add(keyOf(subject));
    expect(held.filter(({ refused }) => refused !== null).map(({ unit }) => unit.path)).toEqual(['agents/d', 'skills/a']);
    expect(await names(workspace)).toEqual(['rules/e', 'skills/b/SKILL.md', 'skills/c']);
  });

  it('is what came between the looks at what is outstanding and at what stands there', async () => {
    const space = createSpaceDouble();
    const { approved, keyOf, standing } = home(space);
    const inner = space.workspace('other');
    const book: ConsentBook = {
      refresh: () => Promise.resolve(),
      judge: (subject) => (approved.has(keyOf(subject)) ? 'allowed' : 'waiting'),
      needsAllWriters: () => false,
      allows: () => false,
      onChange: () => () => undefined,
    };
    space.put('agents/a.md', 'good');
    approved.add(`agents/a.md ${(await standing({ items: [{ kind: 'text', name: 'agents/a.md' }] }))[0]?.content.digest}`);
    space.put('agents/a.md', 'bad');
    const late = createConsentWorkspace(inner, {
      book,
      writersSince: () => Promise.resolve([]),
      standing: (where) => {
        space.put('agents/a.md', 'good');
        return standing(where);
      },
    });
    expect(await names(late)).toEqual([]);
    expect(await names(late)).toEqual(['agents/a.md']);
  });

  it('is everything that was not approved exactly as it is, whatever comes in whatever order', async () => {
    const name = fc.constantFrom(
      ...[
        'CLAUDE.md',
        'agents/a.md',
        'agents/b/c.md',
        'hooks/h.sh',
        'skills/s/SKILL.md',
        'skills/s/x/run.sh',
        'skills/t/SKILL.md',
        'SKILLS/s/y',
      ],
    );
    const step = fc.oneof(
      fc.record({ type: fc.constant('put' as const), name, body: fc.constantFrom('1', '2', '3'), mode: fc.boolean(), link: fc.boolean() }),
      fc.record({ type: fc.constant('remove' as const), name }),
      fc.record({ type: fc.constant('approve' as const), nth: fc.nat(5) }),
      fc.record({ type: fc.constant('apply' as const) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const space = createSpaceDouble();
        const { workspace, approved, keyOf } = home(space);
        for (const each of steps) {
          if (each.type === 'put')
            space.put(each.name, each.body, { ...(each.mode ? { mode: 0o755 } : {}), ...(each.link ? { link: true } : {}) });
          else if (each.type === 'remove') space.remove(each.name);
          else if (each.type === 'approve') {
            const held = await workspace.withheld();
            const chosen = held[each.nth % Math.max(1, held.length)];
            if (chosen !== undefined) approved.add(keyOf(chosen.subject));
          } else await workspace.applied((await workspace.outstanding()).map(({ item, content }) => ({ item, content, local: null })));

          for (const { item, content } of await workspace.outstanding()) {
            const unit = consentUnit(item.name, content !== null && 'link' in content.attributes);
            if (unit === null) continue;
            const whole = [...space.heads.values()]
              .filter((head) => (unit.type === 'folder' ? head.item.name.startsWith(`${unit.path}/`) : head.item.name === unit.path))
              .map((head) => ({ name: head.item.name, digest: head.content.digest as ContentDigest }));
            const hash = unit.type === 'folder' ? treeHash(whole) : (whole[0]?.digest ?? 'removed');
            const isRemoval = whole.length === 0 && !unit.removalAsks;
            expect(isRemoval || approved.has(keyOf({ path: unit.path, hash }))).toBe(true);
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});
