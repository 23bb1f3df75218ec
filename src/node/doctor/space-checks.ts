import { shellWord } from '../../config/private-file.ts';
import { BUCKET_KEYS_OF_NODE } from '../add-remedy.ts';
import { counted } from '../counted.ts';
import { PlaceDamaged, PlaceLost, RemoteError, type RemoteErrorType } from '../../core/ports/remote.ts';
import type { Head } from '../../core/log/record.ts';
import { holdsOurs } from '../../core/replica/copy-log.ts';
import { decodeCommit } from '../../core/log/commit-codec.ts';
import { parseRemoteAddress } from '../../remotes/drivers.ts';
import { missingKey } from '../missing-key.ts';
import { isOnlyHere } from '../only-here.ts';
import { PERSONAL, type OpenSpace, type SatchelNode } from '../node.ts';
import { isLeftBehind, lackingParts, neverSentText } from '../operations/status-verdict.ts';
import { readRecoverySecret } from '../recovery-file.ts';
import { revocationOf } from '../revocation.ts';
import { placeHere } from '../remote-registry.ts';
import { problemTypeOf, type SyncProblemType } from '../sync-problem.ts';
import { syncRemedy, type RemedySpace } from '../sync-remedy.ts';
import { failed, passed, some, warned, type Check } from './check.ts';
import { checkFallen } from './fallen-checks.ts';
import { checkNames } from './name-checks.ts';
import { remoteTime } from './remote-time.ts';
import type { CommitId } from '../../core/ids.ts';

const HOUR = 3_600_000;
const CLOCK_OFF = 60_000;

/** How one space is: its remote, its keys, what waits. Asks the remote; changes nothing. */
export async function checkSpace(node: SatchelNode, open: OpenSpace): Promise<Check[]> {
  const { entry, replica } = open;
  const head = await replica.head();
  const checks = [...(await checkRemote(node, open))];
  if (head === null) return [...checks, warned(`space.log:${entry.name}`, 'medium', 'its log has not arrived yet', 'Run: satchel sync')];
  return [
    ...checks,
    await checkKeys(node, open),
    await checkRecovery(node, open),
    await checkDrafts(node, open),
    ...checkBodies(open),
    ...(await checkFallen(node, open)),
    await checkConflicts(open),
    ...(await checkNames(node, open)),
  ];
}

async function checkRemote(node: SatchelNode, open: OpenSpace): Promise<Check[]> {
  const { entry, replica, runner } = open;
  const id = `space.remote:${entry.name}`;
  const revoked = await revocationOf(node, open);
  if (revoked !== null) return [failed(id, 'high', `this machine was revoked by ${revoked.by}`, 'What to do: satchel status')];
  if (await isOnlyHere(node, open))
    return [
      warned(
        id,
        'low',
        'its log is ordered at this node, which listens on this machine only: other machines cannot sync with it',
        `Run: satchel spaces move ${entry.name} REMOTE (one that they reach), or start the node with satchel up --host 0.0.0.0 and invite them again`,
      ),
    ];
  if (entry.remote === null) return [failedSync(id, open, 'this node') ?? passed(id, 'its log is ordered at this node')];
  const { address } = await placeHere(node.store, entry.remote);
  try {
    const remote = await node.openRemote(entry);
    try {
      const there = await remote.head(entry.space);
      const head = await replica.head();
      const here = head?.position ?? -1;
      const reached =
        there === null
          ? failed(id, 'high', `${address} knows no such space, or no longer lists this machine`, whereNotShown(entry))
          : there.position < here
            ? failed(
                id,
                'high',
                `${address} is at record ${there.position}, and this machine has seen ${here}: was it restored from a backup?`,
                `Run: satchel spaces move ${entry.name} ${shellWord(entry.remote.address)} --lost`,
              )
            : (failedSync(id, open, address) ??
              (head === null || (await holdsOurs(replica, remote, head)) ? null : parted(id, open, address, head)) ??
              passed(id, `${address} answers`, [`it is at record ${there.position}, this machine at ${here}`]));
      return [reached, ...(await checkClock(node, entry.name, address))];
    } finally {
      await remote.close();
    }
  } catch (error) {
    if (!(error instanceof RemoteError)) throw error;
    // It answers, and is another one: that does not mend itself.
    if (error instanceof PlaceLost || error instanceof PlaceDamaged)
      return [failed(id, 'high', error.message, syncRemedy(problemTypeOf(error), error.message, spaceOf(entry)))];
    const next = remoteRemedy(address, error.type);
    const check = error.type === 'unreachable' ? warned(id, 'medium', error.message, next) : failed(id, 'high', error.message, next);
    const problem = runner.state.problem;
    return [problem === null || problem === error.message ? check : { ...check, evidence: [problem] }];
  }
}

const spaceOf = ({ name, remote }: OpenSpace['entry']): RemedySpace => ({ name, remote: remote?.address ?? null });

/** A hub shows a space to its machines alone; any other place shows what it has. */
function whereNotShown(entry: OpenSpace['entry']): string {
  const { remote } = spaceOf(entry);
  return remote === null || remote.startsWith('http') ? 'Ask an owner: satchel machines' : syncRemedy('not-shown', null, spaceOf(entry));
}

/** It can be asked, and what was tried last failed all the same, and will again: it may be read there, and not written, say. */
function failedSync(id: string, { entry, runner }: OpenSpace, address: string): Check | null {
  const { problem, problemType: type } = runner.state;
  if (problem === null || type === null || ELSEWHERE.has(type)) return null;
  const next = isOfRemote(type)
    ? remoteRemedy(address, type)
    : type === 'failed'
      ? 'It is tried again by itself. To try now: satchel sync'
      : syncRemedy(type, problem, spaceOf(entry));
  return failed(id, 'high', `${address} answers, and the last sync failed: ${problem}`, next);
}

/** Also where nothing was synced since, as where no node runs. */
function parted(id: string, { entry }: OpenSpace, address: string, { position }: Head): Check {
  const reason = `${address} shows another history than this machine has seen, at record ${position} or before`;
  return failed(id, 'high', reason, syncRemedy('forked', reason, spaceOf(entry)));
}

/** It answered just now; and what its own checks name. */
const ELSEWHERE: ReadonlySet<SyncProblemType> = new Set(['unreachable', 'waiting-for-key', 'unknown-feature', 'not-a-member']);

function isOfRemote(type: SyncProblemType): type is 'unauthorized' | 'refused' | 'unfit' | 'protocol' {
  return type === 'unauthorized' || type === 'refused' || type === 'unfit' || type === 'protocol';
}

/** What helps where a home does not do what it is asked. */
function remoteRemedy(address: string, type: RemoteErrorType): string {
  const parsed = parseRemoteAddress(address);
  const driver = parsed.ok ? parsed.value.driver : 'hub';
  const git = parsed.ok && parsed.value.driver === 'git' ? `git ls-remote ${shellWord(parsed.value.url)}` : null;
  switch (type) {
    case 'unreachable':
      return git === null
        ? 'Satchel tries again by itself; drafts are kept'
        : `Satchel tries again by itself; drafts are kept. What this says here has to be mended, where it says something: ${git}`;
    case 'unfit':
      return 'Choose another place: satchel spaces move SPACE REMOTE';
    case 'unauthorized':
      if (git !== null)
        return `It goes on by itself once it may read and write there, as the user that runs Satchel, and this asks nothing: ${git}`;
      return driver === 's3' || driver === 'azure'
        ? BUCKET_KEYS_OF_NODE
        : driver === 'folder'
          ? 'Let this user read and write there (owner and mode of what it names); it goes on by itself'
          : 'Ask an owner: satchel machines';
    case 'refused':
      return 'Where it is mended there, Satchel goes on by itself; drafts are kept';
    case 'protocol':
      return 'Compare versions on both sides';
  }
}

async function checkClock(node: SatchelNode, name: string, address: string): Promise<Check[]> {
  if (!address.startsWith('http')) return [];
  const theirs = await remoteTime(address);
  if (theirs === null) return [];
  const off = node.deps.clock.now() - theirs;
  const evidence = [`this machine’s clock is ${Math.round(Math.abs(off) / 1000)} s ${off < 0 ? 'behind' : 'ahead of'} ${address}`];
  if (Math.abs(off) < CLOCK_OFF) return [passed(`clock:${name}`, 'the clocks agree', evidence)];
  return [
    warned(
      `clock:${name}`,
      'low',
      'the clocks disagree: times that are shown, and how long invitations last, are off',
      'Set the clock (NTP)',
      evidence,
    ),
  ];
}

async function checkKeys(node: SatchelNode, open: OpenSpace): Promise<Check> {
  const { entry, replica } = open;
  const id = `space.keys:${entry.name}`;
  const missing = await missingKey(node, open);
  if (missing !== null) return failed(id, 'high', missing.message, missing.remedy);
  const { stop, membership } = replica;
  if (!membership.members.has(node.deps.machine.key.machine))
    return failed(id, 'high', 'this machine was revoked', 'To come back: join again by an owner’s satchel invite');
  if (stop?.type === 'unknown-feature') return failed(id, 'high', `the space needs the feature ${stop.feature}`, 'Update Satchel');
  return passed(id, `this machine holds the key of epoch ${replica.keyId}`);
}

async function checkRecovery(node: SatchelNode, { entry }: OpenSpace): Promise<Check> {
  const id = `space.recovery:${entry.name}`;
  const waiting = await readRecoverySecret(node.home, entry.space);
  if (waiting === null)
    return passed(
      id,
      'its recovery key is not kept on this machine: it was written down, or waits on the one that made it, whose doctor says so',
    );
  if (isLeftBehind(entry.name) && entry.remote === null)
    return warned(
      id,
      'low',
      'the recovery key of what this machine had before it joined was never written down; that history lies on this disk alone',
      `Run: satchel keys recovery --space ${entry.name}`,
    );
  return warned(
    id,
    'medium',
    'the recovery key was never written down: without it, losing all machines loses everything',
    entry.name === PERSONAL ? 'Run: satchel keys recovery' : `Run: satchel keys recovery --space ${entry.name}`,
  );
}

async function checkDrafts(node: SatchelNode, open: OpenSpace): Promise<Check> {
  const { entry, replica } = open;
  const id = `space.drafts:${entry.name}`;
  const drafts = await node.store.read((tx) => tx.drafts.list(entry.space));
  if (drafts.length > 0 && (await revocationOf(node, open)) !== null)
    return warned(
      id,
      'medium',
      `${neverSentText(drafts.length)}: this machine was revoked`,
      'They stand in your files, and go along where this machine joins again; or give them up: satchel leave --purge --discard (your files stay)',
    );
  const isReader = (await replica.head()) !== null && replica.membership.members.get(replica.machine)?.role === 'reader';
  if (isReader && drafts.length > 0)
    return warned(
      id,
      'medium',
      `${counted(drafts.length, 'change made here is', 'changes made here are')} kept, and not sent: this machine is a reader there`,
      'To have them sent, an owner makes it a writer: satchel machines role',
    );
  const now = node.deps.clock.now();
  const ages = drafts.flatMap((draft) => {
    const commit = decodeCommit(draft.bytes, draft.id as CommitId, { objects: [], keyId: 0 });
    return commit.ok ? [now - commit.value.time] : [];
  });
  const old = ages.filter((age) => age > HOUR).length;
  if (old === 0)
    return passed(
      id,
      drafts.length === 0 ? 'nothing waits to be sent' : `${counted(drafts.length, 'change is', 'changes are')} on the way`,
    );
  return warned(id, 'medium', `${counted(old, 'draft waits', 'drafts wait')} for over an hour to be sent`, 'Run: satchel sync', [
    `the oldest is ${Math.round(Math.max(...ages) / HOUR)} h old`,
  ]);
}

/** They come again only where some machine has them. */
function checkBodies({ entry, sources, rows }: OpenSpace): Check[] {
  const lacking = [...sources, ...rows].flatMap(({ source }) => source.waiting().filter(({ lacksBody }) => lacksBody === true));
  if (lacking.length === 0) return [];
  const { reason, next } = lackingParts(lacking.length, entry.remote?.address ?? null);
  return [
    failed(
      `space.bodies:${entry.name}`,
      'high',
      reason,
      `${next}. Where none has ${lacking.length === 1 ? 'it' : 'them'} any more: satchel spaces move ${shellWord(entry.name)} REMOTE --lost`,
      some(lacking.map(({ name, reason }) => `${name}: ${reason}`)),
    ),
  ];
}

async function checkConflicts({ entry, replica }: OpenSpace): Promise<Check> {
  const id = `space.conflicts:${entry.name}`;
  const names = [...new Set((await replica.siblings()).map((sibling) => sibling.item.name))];
  if (names.length === 0) return passed(id, 'no conflict is open');
  return warned(
    id,
    'medium',
    `${counted(names.length, 'item is', 'items are')} in conflict; both versions are kept`,
    'Run: satchel conflicts',
    some(names),
  );
}
