import { describe, expect, it } from 'vitest';
import { compareSpaces, judgeStatus, type JudgedNode, type JudgedSpace } from './status-verdict.ts';

const NOW = Date.parse('2026-11-20T10:00:00Z');
const LIVE: JudgedNode = { isLive: true, isHub: false, address: 'http://127.0.0.1:4600', now: NOW };
const space = (name: string, over: Partial<JudgedSpace> = {}): JudgedSpace => ({
  name,
  remote: null,
  machines: 1,
  drafts: 0,
  role: 'owner',
  conflicts: 0,
  pending: 0,
  last_sync: new Date(NOW - 1000).toISOString(),
  revoked: null,
  problem: null,
  problem_type: null,
  sources: [],
  ...over,
});
const atPi = { remote: 'https://pi:4600', machines: 2, last_sync: new Date(NOW - 2000).toISOString() };
const judge = (spaces: readonly JudgedSpace[], node = LIVE) => judgeStatus(node, [...spaces].sort(compareSpaces));

describe('the verdict', () => {
  it('is about the space in use, not about what the machine had before it joined', () => {
    expect(judge([space('before-joining-7ceab6'), space('personal', atPi)])).toEqual({
      verdict: 'In sync with pi:4600, 2 s ago',
      inSync: true,
    });
    expect(judge([space('before-joining-7ceab6'), space('personal')]).verdict).toBe('Everything is kept here (1 machine), 1 s ago');
  });

  it('names what waits in whichever space', () => {
    const spaces = [space('before-joining-7ceab6', { conflicts: 1 }), space('personal', { ...atPi, pending: 5, conflicts: 1 })];
    expect(judge(spaces)).toEqual({
      verdict: 'In sync with pi:4600, 2 s ago; 5 approvals wait (satchel pending), 2 conflicts (satchel conflicts)',
      inSync: true,
    });
    expect(judge([space('personal', { pending: 1 })]).verdict).toMatch(/ago; 1 approval waits \(satchel pending\)$/);
    expect(judge(spaces, { ...LIVE, isLive: false }).verdict).toBe(
      'Not syncing: the node is not running. Run: satchel up. Besides, 5 approvals wait (satchel pending), 2 conflicts (satchel conflicts)',
    );
  });

  it('says what it waits for once, where that is why nothing syncs', () => {
    const sources = [{ path: '/m.db', state: 'root-missing', detail: 'another database is in its place' }];
    const why =
      'Not syncing: another database is in its place (/m.db). Nothing counts as deleted. Bring it back, or answer: satchel pending';
    expect(judge([space('personal', { pending: 1, sources })]).verdict).toBe(why);
    expect(judge([space('personal', { pending: 2, sources })]).verdict).toBe(`${why}. Besides, 1 approval waits (satchel pending)`);
    expect(judge([space('personal', { pending: 1, sources: [{ ...sources[0]!, state: 'failed' }] })]).verdict).toMatch(
      /Besides, 1 approval/,
    );
  });

  it('says that claude-mem’s own sync is refused, or does not go on', () => {
    const problem = 'pi:4600 does not know the token that claude-mem shows';
    const refused = { ...LIVE, claudeMem: { refused: true, problem, remedy: 'Run: satchel claude-mem connect' } };
    expect(judge([space('personal', atPi)], refused)).toEqual({
      verdict: `Not syncing: what claude-mem saves is not taken: ${problem}. Run: satchel claude-mem connect`,
      inSync: false,
    });
    const away = { ...LIVE, claudeMem: { refused: false, problem: 'claude-mem could not sync with pi:4600', remedy: null } };
    expect(judge([space('personal')], away)).toEqual({
      verdict: 'Not everything is in sync: claude-mem could not sync with pi:4600',
      inSync: false,
    });
    expect(judge([space('personal')], { ...away, isLive: false }).verdict).toMatch(/^Not syncing: the node is not running/);
  });

  it('says what waits for bodies that the remote does not have, and what brings them', () => {
    const source = { path: '~/.claude', state: 'ok', detail: null };
    const waiting = space('personal', {
      ...atPi,
      sources: [
        { ...source, lacking: 70 },
        { ...source, lacking: 8 },
      ],
    });
    expect(judge([waiting])).toEqual({
      verdict: 'Not in sync: 78 items wait for bodies that pi:4600 does not have. On a machine that has them, run: satchel sync',
      inSync: false,
    });
    const onStick = space('team', { ...atPi, remote: 'file:///media/stick', sources: [{ ...source, lacking: 1 }] });
    expect(judge([space('personal', atPi), onStick]).verdict).toBe(
      'Not in sync: team: 1 item waits for a body that file:///media/stick does not have. On a machine that has it, run: satchel store verify --read-data',
    );
  });

  it('says how many rows are not the same here, since others are in their way', () => {
    const source = { path: '/home/ada/.claude-mem/claude-mem.db', state: 'ok', detail: null };
    const at = (count: number) => judge([space('personal', { ...atPi, sources: [{ ...source, in_the_way: count }] })]);
    expect(at(0).inSync).toBe(true);
    expect(at(1)).toEqual({
      verdict:
        'Not everything is in sync: 1 row is not the same in claude-mem’s database here as elsewhere: another one is in its way. Which: satchel doctor',
      inSync: false,
    });
    expect(at(2).verdict).toBe(
      'Not everything is in sync: 2 rows are not the same in claude-mem’s database here as elsewhere: others are in their way. Which: satchel doctor',
    );
  });

  it('says of a file that is not carried before somebody mends it, and not of what stays local for good', () => {
    const source = { path: '~/.claude', state: 'ok', detail: null };
    const pipe = { item: 'rules/pipe', reason: 'is neither a file nor a link', mendable: false };
    const broken = { item: 'settings.json', reason: 'cannot be read: not JSON', mendable: true };
    const other = { item: 'rules/a.md', reason: 'no access', mendable: true };
    expect(judge([space('personal', { ...atPi, sources: [{ ...source, skipped: [pipe] }] })]).inSync).toBe(true);
    expect(judge([space('personal', { ...atPi, sources: [{ ...source, skipped: [pipe, broken] }] })])).toEqual({
      verdict: 'Not everything is in sync: settings.json is not carried: cannot be read: not JSON. Mend it; how: satchel doctor',
      inSync: false,
    });
    const several = [space('personal', { ...atPi, sources: [{ ...source, skipped: [broken, other] }] })];
    expect(judge(several).verdict).toMatch(/not JSON\. So is 1 more\. Mend them; how: satchel doctor$/);
    expect(judge([{ ...several[0]!, pending: 1 }]).verdict).toMatch(/satchel doctor; 1 approval waits/);
    expect(judge([{ ...several[0]!, drafts: 2 }]).verdict).toBe('Sending 2 changes');
  });

  it('is the worst there is, the personal space before others, and says of others which', () => {
    const [mine, shared] = [
      { ...atPi, problem: 'pi is away', problem_type: 'unreachable' },
      { ...atPi, problem: 'it forked', problem_type: 'forked' },
    ];
    const held = { sources: [{ path: '~/.claude', state: 'mass-deletion', detail: 'all is gone' }] };
    expect(judge([space('club', shared), space('personal', mine)]).verdict).toBe(
      'Not syncing: pi is away. It is tried again by itself, and nothing is lost meanwhile. To try now: satchel sync',
    );
    const stick = { ...atPi, problem: '/stick is not there: is the stick plugged in, the share mounted?', problem_type: 'unreachable' };
    expect(judge([space('personal', stick)]).verdict).toMatch(/the share mounted\? It is tried again by itself/);
    expect(judge([space('personal', held), space('club', shared)])).toEqual({
      verdict: expect.stringMatching(
        /^Not syncing: club: it forked\. .*satchel spaces move club .* --lost: what it lacks .* lands again behind that$/,
      ) as string,
      inSync: false,
    });
    expect(judge([space('club', atPi), space('personal', { ...atPi, ...held })]).verdict).toBe(
      'Not syncing: all is gone (~/.claude). Which, and to answer: satchel pending',
    );
    expect(judge([space('personal', atPi), space('club', { revoked: { by: 'ana' } })]).verdict).toBe(
      'Not syncing: club: this machine was revoked by ana. Run: satchel leave',
    );
    expect(judge([space('club', { drafts: 2 }), space('personal', { ...atPi, drafts: 1 })])).toEqual({
      verdict: 'Sending 3 changes',
      inSync: false,
    });
  });

  it('says of a reader that its changes stay here', () => {
    expect(judge([space('personal', { ...atPi, drafts: 1, role: 'reader' })])).toEqual({
      verdict:
        'personal: 1 change made here is kept, and not sent: this machine is a reader there. An owner makes it a writer (satchel machines role)',
      inSync: false,
    });
    expect(judge([space('personal', { ...atPi, role: 'reader' })]).inSync).toBe(true);
  });

  it('names every place, and the oldest news', () => {
    const old = { remote: 'folder:/media/stick', last_sync: new Date(NOW - 600_000).toISOString() };
    expect(judge([space('club', old), space('personal', atPi)]).verdict).toBe('In sync with pi:4600 and folder:/media/stick, 10 min ago');
  });

  it('is not that all is in sync before anything was heard of a place', () => {
    expect(judge([space('club', { ...atPi, last_sync: null }), space('personal', { ...atPi, remote: 'https://box:4600' })])).toEqual({
      verdict: 'Connecting to pi:4600',
      inSync: false,
    });
  });

  it('is of a hub without spaces that it runs, and of a machine without any what to do', () => {
    expect(judge([], { ...LIVE, isHub: true })).toEqual({ verdict: 'Hub is running at http://127.0.0.1:4600', inSync: true });
    expect(judge([])).toEqual({ verdict: 'Not syncing: no space here yet. Run: satchel join', inSync: false });
  });
});
