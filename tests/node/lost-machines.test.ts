import { mkdir, rename } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { secretToWords, wordsToSecret } from '../../src/core/joining/words.ts';
import type { MachineId } from '../../src/core/ids.ts';
import { renameMember } from '../../src/core/replica/administer.ts';
import type { OpenSpace, SatchelNode } from '../../src/node/node.ts';
import { readRecoverySecret } from '../../src/node/recovery-file.ts';
import { ask, Place } from './place.ts';

describe('all machines are lost, and the remote remains', () => {
  let place: Place;
  beforeEach(async () => {
    place = await Place.create();
  });
  afterEach(() => place.dispose());

  async function words(node: SatchelNode): Promise<string> {
    const { space } = await ask(node, 'recovery-prepare', {});
    const secret = await readRecoverySecret(node.home, space as Parameters<typeof readRecoverySecret>[1]);
    if (secret === null) throw new Error('the recovery key is not there');
    await ask(node, 'recovery-shown', { space });
    return secretToWords(secret);
  }

  it('brings everything back from a hub, and revokes what was lost', async () => {
    const hub = await place.start('hub', { hub: true });
    const a = await place.start('a');
    await place.write('a', 'written before the hub was known\n');
    await ask(a, 'sync', {});
    const invitation = await ask(hub, 'invite', {});
    const { address } = await ask(a, 'remote-add', { remote: invitation.link });
    await ask(a, 'space-move', { space: 'personal', remote: address });
    await place.write('a', 'and after\n');
    await ask(a, 'sync', {});
    const paper = await words(a);
    expect(await readRecoverySecret(a.home, [...a.spaces.keys()][0] as never)).toBeNull();
    await place.lose('a');

    const fresh = await place.start('fresh', { live: false });
    // One of 256 wrong words is right by its check.
    const mistaken = ['zebra', 'zero', 'zone'].map((word) => paper.replace(/^\w+/, word)).find((text) => !wordsToSecret(text, 24).ok);
    await expect(ask(fresh, 'recover', { at: address, words: mistaken ?? '' })).rejects.toThrow('words');
    const { recovered } = await ask(fresh, 'recover', { at: address, words: paper });
    expect(recovered).toMatchObject([{ name: 'personal', items: 1 }]);
    // Both go by the name of the same host: the one to be revoked is to be told by its name.
    const other = recovered[0]?.other_machines[0];
    expect(recovered).toMatchObject([{ machine: `${other}-2`, other_machines: [other] }]);
    expect(await place.read('fresh')).toBe('and after\n');
    const log = await ask(fresh, 'log', {});
    expect(log.commits).toHaveLength(2);

    const { machines } = await ask(fresh, 'machines', {});
    const lost = machines.find((machine) => !machine.here);
    const called = async () => (await ask(fresh, 'doctor', {})).checks.filter(({ id }) => id === 'space.names:personal');
    expect(await called()).toEqual([]);
    await expect(ask(fresh, 'machine-rename', { machine: lost?.id ?? '', name: `${other}-2` })).rejects.toMatchObject({
      type: 'name-taken',
      message: expect.stringContaining(fresh.deps.machine.key.machine.slice(0, 12)),
    });
    // As recoveries left it that did not look at names.
    const open = [...fresh.spaces.values()][0] as OpenSpace;
    await renameMember(open.replica, await open.runner.connected(), lost?.id as MachineId, `${other}-2`);
    // What is meant by a name must be one machine.
    await expect(ask(fresh, 'machine-revoke', { machine: `${other}-2` })).rejects.toThrow(
      /2 machines are called .*: [0-9a-f]{12}.*, [0-9a-f]{12}/,
    );
    expect(await called()).toMatchObject([{ next_step: `Run: satchel machines rename ${lost?.id.slice(0, 12)} NAME` }]);
    await ask(fresh, 'machine-revoke', { machine: lost?.id ?? '' });
    await place.write('fresh', 'goes on\n');
    await ask(fresh, 'sync', {});
    const { entries } = await ask(fresh, 'audit', {});
    expect(entries.map((entry) => entry.op)).toEqual(['genesis', 'move', 'member', 'member', 'epoch']);
    expect(entries[2]?.by).toBe('the recovery key');
  });

  it('brings everything back from a folder, with a replaced key, while the old words open nothing', async () => {
    const stick = path.join(place.root, 'stick');
    const a = await place.start('a');
    await place.write('a', 'on a stick\n');
    const old = await words(a);
    await mkdir(stick, { recursive: true });
    await ask(a, 'remote-add', { remote: stick });
    await ask(a, 'space-move', { space: 'personal', remote: stick });
    await ask(a, 'recovery-prepare', { replace: true });
    const paper = await words(a);
    await ask(a, 'sync', {});
    await place.lose('a');

    const fresh = await place.start('fresh', { live: false });
    await expect(ask(fresh, 'recover', { at: stick, words: old })).rejects.toThrow('nothing was recovered');
    expect(fresh.spaces.size).toBe(0);
    await ask(fresh, 'recover', { at: stick, words: paper });
    expect(await place.read('fresh')).toBe('on a stick\n');
  });

  it('finds a space where it is now, by a copy that it moved away from; and goes on from the copy where that is lost', async () => {
    const [old, now] = [path.join(place.root, 'old'), path.join(place.root, 'now')];
    const a = await place.start('a');
    await place.write('a', 'on the old stick\n');
    const paper = await words(a);
    for (const stick of [old, now]) {
      await mkdir(stick, { recursive: true });
      await ask(a, 'remote-add', { remote: stick });
      await ask(a, 'space-move', { space: 'personal', remote: stick });
      await ask(a, 'sync', {});
    }
    const { position: moved } = (await ask(a, 'audit', {})).entries.findLast(({ op }) => op === 'move') ?? {};
    await place.write('a', 'on the new one\n');
    await ask(a, 'sync', {});
    await place.lose('a');

    const b = await place.start('b', { live: false });
    const { recovered } = await ask(b, 'recover', { at: old, words: paper });
    expect(recovered).toMatchObject([{ items: 1, remote: `folder:${now}`, moved_with_record: moved }]);
    expect(await place.read('b')).toBe('on the new one\n');
    await place.stop('b');

    await rename(now, `${now}-elsewhere`);
    const c = await place.start('c', { live: false });
    await expect(ask(c, 'recover', { at: old, words: paper })).rejects.toMatchObject({
      kind: 'unreachable',
      type: 'moved',
      message: expect.stringMatching(new RegExp(`old copy.* ${moved}, says that the space is kept at folder:${now} since`)),
      next: expect.stringContaining(`satchel keys recover folder:${old} --lost`),
    });
    expect(c.spaces.size).toBe(0);
    // Nothing was left in the copy either.
    const revived = await ask(c, 'recover', { at: old, words: paper, lost: true });
    expect(revived.recovered).toMatchObject([
      { items: 1, remote: `folder:${old}`, moved_with_record: moved, other_machines: [expect.anything()] },
    ]);
    expect(await place.read('c')).toBe('on the old stick\n');
    await place.write('c', 'goes on\n');
    expect(await ask(c, 'sync', {})).toMatchObject({ spaces: [{ pushed: 1 }] });
    expect((await ask(c, 'spaces', {})).spaces).toMatchObject([{ remote: `folder:${old}` }]);
    // By another path of the same place it is found as what it is: its log goes on behind the move.
    await rename(old, `${old}-here`);
    const d = await place.start('d', { live: false });
    expect((await ask(d, 'recover', { at: `${old}-here`, words: paper })).recovered).toMatchObject([{ moved_with_record: null }]);
    await place.write('d', 'and on\n');
    expect(await ask(d, 'sync', {})).toMatchObject({ spaces: [{ pushed: 1 }] });
    expect((await ask(d, 'remotes', {})).remotes).toMatchObject([
      { address: `folder:${old}`, here: `folder:${old}-here`, home_of: ['personal'] },
    ]);
  });

  it('says what its folders leave that is shared with others, and how it comes back', async () => {
    const stick = path.join(place.root, 'stick');
    const a = await place.start('a');
    await place.write('a', 'on a stick\n');
    const paper = await words(a);
    await mkdir(stick, { recursive: true });
    await ask(a, 'remote-add', { remote: stick });
    await ask(a, 'space-move', { space: 'personal', remote: stick });
    await ask(a, 'sync', {});
    await place.lose('a');
    const team = await place.start('team');
    const b = await place.start('b', { live: false });
    const { space: shared } = await ask(b, 'join', { link: (await ask(team, 'invite', {})).link });
    const behind = {
      space: shared,
      name: `before-joining-${shared.slice(0, 6)}`,
      machines: [team.deps.machine.name],
      id: b.deps.machine.key.machine,
    };
    const { recovered, left_behind } = await ask(b, 'recover', { at: stick, words: paper });
    expect([recovered, left_behind]).toEqual([[expect.objectContaining({ name: 'personal', items: 1 })], behind]);
    const again = await ask(b, 'recover', { at: stick, words: paper });
    expect(again.left_behind).toBeNull();

    const back = await ask(b, 'join', { link: (await ask(team, 'invite', {})).link, switch: true });
    expect([back.space, back.left_behind?.space]).toEqual([shared, recovered[0]?.space]);
    // And once more the other way: what was left behind takes the place again, and is not kept under the name of what was.
    const last = await ask(b, 'recover', { at: stick, words: paper });
    expect([last.recovered.map(({ name }) => name), last.left_behind]).toEqual([['personal'], behind]);
    expect((await ask(b, 'spaces', {})).spaces.map(({ name }) => name).toSorted()).toEqual([behind.name, 'personal']);
  });

  it('says where a revoked machine still gets in: whoever has the folder has the folder', async () => {
    const stick = path.join(place.root, 'stick');
    const a = await place.start('a');
    await mkdir(stick, { recursive: true });
    await ask(a, 'remote-add', { remote: stick });
    await ask(a, 'space-move', { space: 'personal', remote: stick });
    const b = await place.start('b', { live: false });
    await mkdir(stick, { recursive: true });
    await ask(b, 'remote-add', { remote: stick });
    await ask(b, 'join', { link: (await ask(a, 'invite', {})).link });
    const { machines } = await ask(a, 'machines', {});
    const other = machines.find((machine) => !machine.here);
    const { shared_storage } = await ask(a, 'machine-revoke', { machine: other?.id ?? '' });
    expect(shared_storage).toEqual([`folder:${stick}`]);
  });
});

describe('a folder as home', () => {
  let place: Place;
  beforeEach(async () => {
    place = await Place.create();
  });
  afterEach(() => place.dispose());

  it('is joined through the folder alone, at another path than the inviter’s', async () => {
    const [stick, mounted] = [path.join(place.root, 'stick'), path.join(place.root, 'mounted')];
    const a = await place.start('a');
    await place.write('a', 'over a stick\n');
    await mkdir(stick, { recursive: true });
    const { address } = await ask(a, 'remote-add', { remote: stick });
    await ask(a, 'space-move', { space: 'personal', remote: address });
    await ask(a, 'sync', {});
    const { symlink } = await import('node:fs/promises');
    await symlink(stick, mounted);
    const { link } = await ask(a, 'invite', {});
    expect(link.startsWith(`${address}#`)).toBe(true);
    const b = await place.start('b', { live: false });
    await ask(b, 'remote-add', { remote: mounted, as: address });
    const joined = await ask(b, 'join', { link });
    expect(joined).toMatchObject({ joined: 'space', role: 'owner', remote: address });
    expect(await place.read('b')).toBe('over a stick\n');
    expect(await ask(b, 'remotes', {})).toMatchObject({ remotes: [{ address, here: `folder:${mounted}`, home_of: ['personal'] }] });
    await expect(ask(b, 'remote-remove', { remote: address })).rejects.toThrow('is kept there');
  });
});
