import type { Change } from '../../src/core/change.ts';
import { sealCommitBody } from '../../src/core/crypto/object-cipher.ts';
import { bytesToHex, type CommitId, type Revision } from '../../src/core/ids.ts';
import { encodeCommit } from '../../src/core/log/commit-codec.ts';
import { encodeControl, type ControlPayload, type MemberEntry } from '../../src/core/log/control.ts';
import { decodeRecord, encodeRecord, sealRecord, type Head, type LogRecord } from '../../src/core/log/record.ts';
import type { Remote } from '../../src/core/ports/remote.ts';
import { pull } from '../../src/core/replica/pull.ts';
import { expectVoid } from './forgeries.ts';
import type { SimMachine } from './machine.ts';
import type { SimPlace } from './places.ts';
import type { World } from './world.ts';

/** A machine that breaks the rules on purpose, and what it knows. Somebody handed it every key. */
interface Forger {
  readonly world: World;
  readonly machine: SimMachine;
  /** Who has read the log to its head, and whose keys are used. */
  readonly owner: SimMachine;
  readonly head: Head;
  /** Records of the log, in order. */
  readonly log: readonly LogRecord[];
}

interface Forgery {
  readonly record: LogRecord;
  /** Why no machine may take it for good; `null` where it is as good as any, though it was meant to harm. */
  readonly fault: string | null;
}

type Forge = (forger: Forger) => Promise<Forgery | null>;

const FORGERIES: readonly (readonly [string, Forge])[] = [
  ['deletes from a stale base', async (f) => (mayWrite(f) ? deletion(f, (await staleRevision(f)) ?? null, 'its base is stale') : null)],
  ['writes though it may not', async (f) => (mayWrite(f) ? null : deletion(f, 'current', 'its author may not write'))],
  [
    'writes under an older key',
    async (f) => (f.owner.replica.keyId > 1 ? deletion(f, 'current', 'its key is old', f.owner.replica.keyId - 1) : null),
  ],
  ['uses its own id again', async (f) => reuse(f, 'own')],
  ["uses another's landed id", async (f) => reuse(f, 'others')],
  ["uses the id of another's draft", async (f) => reuse(f, 'drafted')],
  ["sends another's body as its own", stolenBody],
  ['settles what is not open', async (f) => settlesNothing(f)],
  ['sends garbage', async (f) => commitRecord(f, newId(f), f.world.random.bytes(200), 'its body is garbage')],
  ['carries what its author did not sign', async (f) => carries(f, 'altered')],
  ['carries what has landed', async (f) => carries(f, 'landed')],
  ['carries what another sent, without what is in it', async (f) => carries(f, 'sent')],
  [
    'makes itself an owner',
    async (f) => {
      const listed = entry(f);
      return listed === null ? null : control(f, { op: 'member', member: { ...listed, role: 'owner' }, envelope: new Uint8Array(0) });
    },
  ],
  ['prunes everything', async (f) => control(f, { op: 'prune', objects: namedObjects(f) })],
  [
    'erases everything',
    async (f) => control(f, { op: 'erase', objects: namedObjects(f), replaced: [], sealedReason: f.world.random.bytes(20) }),
  ],
  ['asks for a feature that nobody has', async (f) => control(f, { op: 'features', features: ['no-such-feature'] })],
  [
    'moves the home',
    async (f) => {
      const [term, { position, hash: head }] = [f.head.term + 1, f.head];
      return control(f, { op: 'move', term, position, head, sealedRemote: f.world.random.bytes(20) }, term);
    },
  ],
];

const NOT_ALLOWED = FORGERIES.findIndex(([name]) => name === 'writes though it may not');

/** A member, or a machine that was one, appends a record that breaks the rules, past the product's own code. */
export async function forge(world: World, machine: SimMachine): Promise<void> {
  const { random, machines, places, space, trace } = world;
  const [owner] = machines as [SimMachine];
  if (machine === owner || !machine.hasLog || !machine.hasKeys || world.moving !== null || world.restored) return;
  const place = (places.get(owner.home) as SimPlace).remote;
  await owner.run('pull', () => pull(owner.replica, owner.link));
  const head = await place.head(space);
  if (head === null || owner.replica.position !== head.position) return;
  const log = await readLog(place, world);
  const forger: Forger = { world, machine, owner, head, log };
  const choice = !mayWrite(forger) && random.chance(0.5) ? NOT_ALLOWED : random.below(FORGERIES.length);
  const [name, make] = FORGERIES[choice] as (typeof FORGERIES)[number];
  const forged = await make(forger);
  if (forged === null) return;
  const { type } = await place.append(space, head, { records: [forged.record], objects: [] });
  trace.push(`${machine.name} ${name}, at ${head.position + 1}: ${type}`);
  if (forged.fault !== null) expectVoid(world, forged.record.hash, `${machine.name} ${name}: ${forged.fault}`);
}

async function readLog(place: Remote, { space }: World): Promise<LogRecord[]> {
  const { records } = await place.read(space, 0, { records: 512, bytes: 8 * 1024 * 1024 });
  return records.map((bytes) => {
    const record = decodeRecord(bytes);
    if (!record.ok) throw new Error(record.error);
    return record.value;
  });
}

/** As the log says; not as the product's code takes it, which is what is tested. */
function mayWrite({ owner, machine }: Forger): boolean {
  const role = owner.replica.membership.members.get(machine.replica.machine)?.role;
  return role === 'writer' || role === 'owner';
}

function newId({ world }: Forger): CommitId {
  return bytesToHex(world.random.bytes(16)) as CommitId;
}

/** What the log says of the forger; `null` where its listing fell with a home. */
function entry({ owner, machine }: Forger): MemberEntry | null {
  const { members, removed } = owner.replica.membership;
  return members.get(machine.replica.machine) ?? removed.get(machine.replica.machine) ?? null;
}

function namedObjects({ log }: Forger) {
  return [...new Set(log.flatMap(({ header }) => header.objects))];
}

/** Some item that is there, and the base that a change of it must name. */
async function someItem({ world, owner }: Forger) {
  const items = await owner.store.read((tx) => tx.items.list(world.space, { limit: 1_000 }));
  return items[world.random.below(Math.max(1, items.length))];
}

async function staleRevision(forger: Forger): Promise<{ readonly item: Change['item']; readonly base: Revision } | null> {
  const { owner, world } = forger;
  const state = await someItem(forger);
  if (state === undefined) return null;
  const history = await owner.store.read((tx) => tx.items.history(world.space, state.item, { limit: 100 }));
  const old = history.find(({ revision }) => revision !== state.revision);
  return old === undefined ? null : { item: state.item, base: old.revision };
}

async function deletion(
  forger: Forger,
  from: 'current' | { readonly item: Change['item']; readonly base: Revision } | null,
  fault: string,
  keyId = forger.owner.replica.keyId,
): Promise<Forgery | null> {
  const state = from === 'current' ? await someItem(forger) : null;
  const at = from === 'current' ? (state === undefined || state === null ? null : { item: state.item, base: state.revision }) : from;
  if (at === null) return null;
  return commit(forger, newId(forger), [{ type: 'delete', ...at, needs: [] }], fault, { keyId });
}

/** Opens a conflict with a deletion: harmless, and as valid as its id. */
async function reuse(forger: Forger, whose: 'own' | 'others' | 'drafted'): Promise<Forgery | null> {
  const { world, machine, log, owner } = forger;
  const state = await someItem(forger);
  if (state === undefined || !mayWrite(forger)) return null;
  const me = machine.replica.machine;
  const landed = log.filter(({ header }) => header.type === 'commit' && (header.signer === me) === (whose === 'own'));
  const drafts = world.machines.filter((other) => other.replica.machine !== me && other.hasLog).flatMap((other) => other.replica.drafts);
  const ids = whose === 'drafted' ? drafts.map(({ id }) => id) : landed.map(({ header }) => header.id);
  const id = ids[world.random.below(Math.max(1, ids.length))];
  if (id === undefined) return null;
  // A void record uses no id.
  const position = landed.find(({ header }) => header.id === id)?.header.position;
  const isUsed =
    whose === 'own' && (await owner.store.read((tx) => tx.documents.get(`voids/${world.space}`, String(position)))) === undefined;
  const keep: Change = { type: 'keep', item: state.item, base: state.revision, needs: [], content: null, history: [] };
  return commit(forger, id, [keep], isUsed ? 'its id is used' : null);
}

async function stolenBody(forger: Forger): Promise<Forgery | null> {
  const { world, machine, log } = forger;
  const others = log.filter(({ header }) => header.type === 'commit' && header.signer !== machine.replica.machine);
  const record = others[world.random.below(Math.max(1, others.length))];
  return record === undefined ? null : commitRecord(forger, record.header.id, record.body, 'its body is bound to another author');
}

async function settlesNothing(forger: Forger): Promise<Forgery | null> {
  const state = await someItem(forger);
  if (state === undefined || !mayWrite(forger)) return null;
  const none = bytesToHex(forger.world.random.bytes(32)) as Revision;
  const resolve: Change = { type: 'resolve', item: state.item, base: state.revision, needs: [], siblings: [none] };
  return commit(forger, newId(forger), [resolve], 'nothing like it is open');
}

async function carries(forger: Forger, what: 'altered' | 'landed' | 'sent'): Promise<Forgery | null> {
  const { world, machine, log, owner } = forger;
  const me = machine.replica.machine;
  const landed = new Set(log.map(({ hash }) => hash));
  const records = (what === 'sent' ? world.sent.filter(({ hash }) => !landed.has(hash)) : log).filter(
    ({ header }) => header.type === 'commit' && header.signer !== me,
  );
  const record = records[world.random.below(Math.max(1, records.length))];
  if (record === undefined || !mayWrite(forger)) return null;
  const signature = Buffer.from(record.signature);
  if (what === 'altered') signature.writeUInt8(signature.readUInt8(5) ^ 1, 5);
  const voids = await owner.store.read((tx) => tx.documents.get(`voids/${world.space}`, String(record.header.position)));
  const fault = what === 'altered' ? 'its author did not sign it' : what === 'landed' && voids === undefined ? 'it landed before' : null;
  return commit(forger, newId(forger), [], fault, { carried: [encodeRecord({ ...record, signature })] });
}

async function commit(
  forger: Forger,
  id: CommitId,
  changes: readonly Change[],
  fault: string | null,
  { keyId = forger.owner.replica.keyId, carried = [] }: { keyId?: number; carried?: readonly Uint8Array[] } = {},
): Promise<Forgery> {
  const { world, machine, owner } = forger;
  const { keys, deps, space } = owner.replica;
  const bytes = encodeCommit({ id, time: 0, message: '', writer: 'forged', changes, carried }, { objects: [], keyId });
  const binding = { space, keyId, signer: machine.replica.machine, commit: id };
  return commitRecord(forger, id, await sealCommitBody(bytes, binding, keys, deps.compression, world.random), fault, keyId);
}

function commitRecord(forger: Forger, id: CommitId, body: Uint8Array, fault: string | null, keyId = forger.owner.replica.keyId): Forgery {
  return { record: seal(forger, { type: 'commit', id, keyId, previousControl: null }, body, forger.head.term), fault };
}

async function control(forger: Forger, payload: ControlPayload, term = forger.head.term): Promise<Forgery | null> {
  const { membership, keyId } = forger.owner.replica;
  if (membership.members.get(forger.machine.replica.machine)?.role === 'owner') return null;
  if (payload.op === 'prune' && payload.objects.length === 0) return null;
  const header = { type: 'control' as const, id: newId(forger), keyId, previousControl: membership.lastControl };
  return { record: seal(forger, header, encodeControl(payload), term), fault: 'its author is no owner' };
}

function seal(
  { machine, head, world }: Forger,
  header: Pick<LogRecord['header'], 'type' | 'id' | 'keyId' | 'previousControl'>,
  body: Uint8Array,
  term: number,
): LogRecord {
  const behind = { space: world.space, position: head.position + 1, previous: head.hash, term, objects: [] };
  return sealRecord({ ...behind, ...header }, body, machine.deps.machine.key);
}
