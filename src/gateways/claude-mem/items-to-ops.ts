import type { FeedAddition } from '../../core/ports/feeds.ts';
import type { Outstanding } from '../../core/replica/workspace.ts';
import { sessionName, tableOfName } from '../../kinds/claude-mem/names.ts';
import { SESSION } from '../../kinds/claude-mem/tables.ts';
import type { Row } from '../../kinds/rows/row-body.ts';
import { canonicalJson } from './canonical-json.ts';
import { compareDecimals } from './decimal.ts';
import { digestOf } from './digest.ts';
import { newestOf } from './feed-index.ts';
import { KIND_OF } from './kind-of.ts';
import { GATEWAY_DEVICE, gatewayLocal, mutationBody, rowBody, tombstoneBody, uuidOf } from './make-op.ts';
import { mutationProblem } from './mutation.ts';
import { naturalName, type NameBook } from './name-book.ts';
import { payloadToRow, rowToPayload, type Payload, type SessionFacts } from './op-rows.ts';
import { saidIn, sessionSaid, type FeedLook } from './ops-to-items.ts';
import { payloadProblem, type RowKind } from './payload.ts';
import { GATEWAY_ORIGIN } from './plan-push.ts';
import type { RowsOfSpace } from './rows-of-space.ts';
import { BODY_BYTES, rowId, type OpBody } from './schema.ts';
import type { SessionBook } from './session-book.ts';
import type { StandingElsewhere } from './standing-rows.ts';
import { subjectOf } from './subject.ts';
import { endAbove, stateAbove } from './told-revisions.ts';

export interface ItemsToOpsDeps {
  readonly rows: RowsOfSpace;
  readonly sessions: SessionBook;
  readonly names: NameBook;
  readonly feed: FeedLook;
  readonly now: number;
  /** Up to where in the feed what devices pushed is captured. */
  readonly captured: number;
  /** As whose rows this machine's worker knows what no device pushed here, by item and by subject. */
  readonly standing: () => Promise<ReadonlyMap<string, StandingElsewhere>>;
  /** The device of that worker; `null` for none. */
  readonly worker: () => Promise<string | null>;
  /** Of what is so since a position of the log. */
  readonly revisionAt: (position: number) => string;
}

/** What becomes of an item that clients were not shown yet. */
export type Served =
  | { readonly type: 'ops'; readonly additions: readonly FeedAddition[] }
  /** Not now: what it needs is not here yet. `isTold`: a change of the space says when it is. */
  | { readonly type: 'later'; readonly isTold: boolean }
  /** Clients could not hold it. */
  | { readonly type: 'never'; readonly reason: string };

const LATER: Served = { type: 'later', isTold: true };

/**
 * The ops that make clients hold an item as it is in the space since `position`. Their revisions are greater than any that a device would
 * reach by counting, and stand for the same bytes on every node: what a row says of its session counts, so that its revision is of the
 * later of the two. Rows keep the device that made them, as far as this feed knows it.
 */
export async function itemToOps(item: Outstanding, position: number, deps: ItemsToOpsDeps): Promise<Served> {
  const { name } = item.item;
  const revision = deps.revisionAt(position);
  const table = tableOfName(name);
  if (table === 'sessions') return titleOps(item, revision, deps);
  const kind = table === null ? null : KIND_OF[table];
  if (kind === null) return { type: 'never', reason: 'claude-mem’s own sync does not carry it' };
  const content = item.content ?? item.shown;
  const row = content === null ? null : await deps.rows.rowOf(content);
  if (row === null) return item.content === null ? gone(item, kind, revision, deps) : LATER;
  const session = row.get(SESSION);
  if (typeof session !== 'string') return { type: 'never', reason: 'it belongs to no session' };
  const parent = await deps.rows.placed(session);
  if (parent === null && item.content !== null) return LATER;
  const facts = factsOf(parent?.row ?? null, row);
  const payload = rowToPayload(kind, row, facts);
  const before = await shownPayload(item, kind, session, deps);
  const subjects = subjectsOf(kind, [payload, ...before], session, deps);
  const known = await entitiesOf(kind, subjects, deps);
  const entities = known.length > 0 ? known : await toldOtherwise(kind, name, { session, payload, subjects }, deps);
  if (item.content === null) {
    const { held, doubled } = entities.length === 0 ? { held: [], doubled: [] } : await heldAs(entities, kind, name, subjects, deps);
    const additions = tombstones(kind, [...held, ...doubled], revision, deps.now, Number(payload['created_at_epoch']));
    return { type: 'ops', additions };
  }
  const problem = payloadProblem(kind, payload);
  if (problem !== null) return { type: 'never', reason: problem };
  if (parent === null || parent.position === null) return { type: 'later', isTold: false };
  const other = before.length === 0 ? null : await anotherOfItsWords(kind, { name, session, payload, before }, deps);
  if (other !== null) return { type: 'later', isTold: other === 'stays' };
  deps.names.learn(name, row);
  const since = deps.revisionAt(Math.max(position, parent.position));
  const { held, doubled } = await heldAs(entities, kind, name, subjects, deps);
  // What a client left out since it has its double it would be without, once that is taken away.
  const leftOut = new Set(doubled.map(hashTold).filter((hash) => hash !== null));
  const live = liveOps(kind, payload, held, { revision: since, time: deps.now, leftOut });
  if (live.type !== 'ops') return live;
  return {
    type: 'ops',
    additions: [...ends(kind, doubled, since, deps.now, Number(payload['created_at_epoch'])), ...live.additions],
  };
}

/** What clients were told of it last, by which they know it where it is told by other words now. */
async function shownPayload({ content, shown }: Outstanding, kind: RowKind, session: string, { rows }: ItemsToOpsDeps): Promise<Payload[]> {
  const row = content === null || shown === null ? null : await rows.rowOf(shown);
  if (row === null || row.get(SESSION) !== session) return [];
  return [rowToPayload(kind, row, factsOf(await rows.row(session), row))];
}

/**
 * Whether an observation that was reworded has the words of another one by now, which clients hold: they hold one of a session with the same words alone,
 * and would stop for ever at an update that makes a second one. `goes`: in the space that one has others by now, or is gone, and the feed tells so next.
 */
async function anotherOfItsWords(
  kind: RowKind,
  {
    name,
    session,
    payload,
    before,
  }: { readonly name: string; readonly session: string; readonly payload: Payload; readonly before: Payload[] },
  deps: ItemsToOpsDeps,
): Promise<'stays' | 'goes' | null> {
  const [subjects, shown] = [subjectsOf(kind, [payload], session, deps), subjectsOf(kind, before, session, deps)];
  if (kind !== 'observation' || [...subjects].some((subject) => shown.has(subject))) return null;
  const own = new Set((await entitiesOf(kind, shown, deps)).map(({ device, local }) => rowId(kind, device, local)));
  const others = (await entitiesOf(kind, subjects, deps)).filter(({ device, local }) => !own.has(rowId(kind, device, local)));
  if (others.length === 0) return null;
  const { name: natural } = payloadToRow(kind, payload, session);
  for (const each of new Set([natural, deps.names.of(natural)])) {
    const there = each === name ? null : await deps.rows.row(each);
    if (there !== null && naturalName(each, there) === natural) return 'stays';
  }
  // A device that told of this very item first by its new words tells when it was made.
  const isOther = ({ said }: Entity): boolean =>
    said !== null && said.kind !== 'mutation' && !said.deleted && said.payload['created_at_epoch'] !== payload['created_at_epoch'];
  return others.some(isOther) ? 'goes' : null;
}

/**
 * Rows of the feed that are this item, and that are told by other words than it has and was shown by, as where two machines reworded it: by
 * those of their devices, or by what it said before one of these was captured.
 */
async function toldOtherwise(
  kind: RowKind,
  name: string,
  { session, payload, subjects }: { readonly session: string; readonly payload: Payload; readonly subjects: ReadonlySet<string> },
  deps: ItemsToOpsDeps,
): Promise<Entity[]> {
  const entities: Entity[] = [];
  for (const entity of await entitiesEver(kind, new Set([...subjects, ...deps.names.toldAs(name)]), deps)) {
    const { said, isNow } = entity;
    if (said === null || said.kind === 'mutation' || said.deleted) continue;
    const natural = payloadToRow(kind, said.payload, session).name;
    if (!isNow && deps.names.of(natural) !== name) continue;
    // Another row may have these words by now.
    const isOther = natural !== name && (await deps.rows.row(natural)) !== null;
    if (!isOther && said.payload['created_at_epoch'] === payload['created_at_epoch']) entities.push(entity);
  }
  return entities;
}

/** What a row was is not known any more: it is looked for in the feed. O(feed), and rare. */
async function gone({ item }: Outstanding, kind: RowKind, revision: string, deps: ItemsToOpsDeps): Promise<Served> {
  const entities = new Map<string, { readonly entity: Entity; readonly born: number }>();
  for await (const entry of deps.feed.entries()) {
    const said = saidIn(entry) ?? (entry.origin === GATEWAY_ORIGIN ? (JSON.parse(entry.body) as OpBody) : null);
    if (said === null || said.kind !== kind || said.deleted) continue;
    const session = sessionName(await deps.sessions.keyOf(sessionSaid(said.payload)));
    const { name } = payloadToRow(kind, said.payload, session);
    if (name !== item.name && deps.names.of(name) !== item.name) continue;
    const newest = deps.feed.index.newest(said.id)?.revision ?? said.entity_rev;
    const entity = { device: said.origin_device_id, local: said.origin_local_id, said, revision: newest };
    entities.set(said.id, { entity, born: Number(said.payload['created_at_epoch']) });
  }
  const additions = [...entities.values()].flatMap(({ entity, born }) => tombstones(kind, [entity], revision, deps.now, born));
  return { type: 'ops', additions };
}

/** Under which names clients hold a row from now on, and under which they did. */
async function heldAs(
  entities: readonly Entity[],
  kind: RowKind,
  name: string,
  subjects: ReadonlySet<string>,
  deps: ItemsToOpsDeps,
): Promise<ReturnType<typeof apart>> {
  const known = [name, ...subjects];
  if (entities.length === 0) return { held: [(await standingEntity(kind, known, deps)) ?? ownEntity(name)], doubled: [] };
  const worker = entities.some(({ device }) => device !== GATEWAY_DEVICE) ? await deps.worker() : null;
  const isWorkers = ({ device }: Entity): boolean => device === worker;
  // It went from the database where it was made, and came there again from another node's feed: under its first name nothing would reach it.
  const standing = entities.some(isWorkers) ? await standingEntity(kind, known, deps) : null;
  if (standing === null) return apart(entities);
  const others = apart(entities.filter((entity) => !isWorkers(entity)));
  return { held: [standing, ...others.held], doubled: [...entities.filter(isWorkers), ...others.doubled] };
}

/** A row that a device turned out to have is its alone, also where that told it by other words than it was served by. */
function apart(told: readonly Entity[]): { readonly held: readonly Entity[]; readonly doubled: readonly Entity[] } {
  const held = told.filter(({ device }) => device !== GATEWAY_DEVICE);
  return held.length === 0 ? { held: told, doubled: [] } : { held, doubled: told.filter(({ device }) => device === GATEWAY_DEVICE) };
}

interface Entity {
  readonly device: string;
  readonly local: string;
  /** What the feed says of it last; `null` for nothing yet. */
  readonly said: OpBody | null;
  readonly revision: string;
}

/** What the row is to a feed, by every id that its session was known by. */
function subjectsOf(kind: RowKind, payloads: readonly Payload[], session: string, { sessions }: ItemsToOpsDeps): Set<string> {
  const subjects = new Set<string>();
  for (const payload of payloads)
    for (const id of new Set([payload['memory_session_id'], ...sessions.memoryIdsOf(session)]))
      subjects.add(subjectOf(kind, { ...payload, memory_session_id: id }));
  return subjects;
}

/**
 * Rows of the feed that are this item, and are there. One that its device pushed by other words a moment ago is it by those that it had: not
 * known, it would be served a second time, as the gateway's own, and its new words would be taken for another row's.
 */
async function entitiesOf(kind: RowKind, subjects: ReadonlySet<string>, deps: ItemsToOpsDeps): Promise<Entity[]> {
  return (await entitiesEver(kind, subjects, deps)).filter(({ isNow }) => isNow);
}

/** Rows of the feed that were any of these at some time; `isNow`: that are, or were when their devices' words were captured last. */
async function entitiesEver(
  kind: RowKind,
  subjects: ReadonlySet<string>,
  { feed, captured }: ItemsToOpsDeps,
): Promise<(Entity & { readonly isNow: boolean })[]> {
  const entities: (Entity & { readonly isNow: boolean })[] = [];
  for (const entity of new Set([...subjects].flatMap((subject) => [...feed.index.about(subject)]))) {
    const mark = feed.index.newest(entity);
    if (mark === undefined) continue;
    const known = mark.number <= captured ? mark : newestOf(feed.index.of(entity).filter(({ number }) => number <= captured));
    const isNow = subjects.has(mark.subject) || (known !== undefined && subjects.has(known.subject));
    const { revision } = mark;
    const entry = await feed.entry(mark.number);
    if (entry === null) continue;
    const said = JSON.parse(entry.body) as OpBody;
    if (said.kind !== kind) continue;
    entities.push({ device: said.origin_device_id, local: said.origin_local_id, said, revision, isNow });
  }
  return entities;
}

/** Takes away a row that the worker has from a feed that is not here, and that went from the space before this feed told of it. */
export function goneStanding(
  { name, device, local, born }: StandingElsewhere & { readonly name: string },
  position: number,
  deps: Pick<ItemsToOpsDeps, 'feed' | 'now' | 'revisionAt'>,
): readonly FeedAddition[] {
  const table = tableOfName(name);
  const kind = table === null ? null : KIND_OF[table];
  if (kind === null || deps.feed.index.newest(rowId(kind, device, local)) !== undefined) return [];
  return tombstones(kind, [{ device, local, said: null, revision: '0' }], deps.revisionAt(position), deps.now, born);
}

/** The row that this machine's worker has of it, from a feed that is not here; `null` for none, or one that this feed tells of. */
async function standingEntity(kind: RowKind, known: readonly string[], { standing, feed }: ItemsToOpsDeps): Promise<Entity | null> {
  const all = await standing();
  const found = known.map((each) => all.get(each)).find((each) => each !== undefined);
  if (found === undefined || feed.index.newest(rowId(kind, found.device, found.local)) !== undefined) return null;
  return { device: found.device, local: found.local, said: null, revision: '0' };
}

/** A row of the gateway's own: the same on every node. */
function ownEntity(name: string): Entity {
  return { device: GATEWAY_DEVICE, local: gatewayLocal(name), said: null, revision: '0' };
}

/** By which a client has an observation already, whosever it is; `null` for other rows. */
function hashTold({ said }: Entity): string | null {
  if (said === null || said.kind !== 'observation' || said.deleted) return null;
  const hash = said.payload['content_hash'];
  return typeof hash === 'string' ? hash : null;
}

/** `leftOut`: hashes of observations that are told even where they say that already. */
function liveOps(
  kind: RowKind,
  payload: Payload,
  entities: readonly Entity[],
  { revision, time, leftOut }: { readonly revision: string; readonly time: number; readonly leftOut: ReadonlySet<string> },
): Served {
  const additions: FeedAddition[] = [];
  const wanted = meaning(payload);
  for (const entity of entities) {
    const { device, local, said, revision: before } = entity;
    const isSame = said !== null && said.kind !== 'mutation' && !said.deleted && meaning(said.payload) === wanted;
    const above = isSame && !leftOut.has(hashTold(entity) ?? '') ? null : stateAbove(revision, before);
    if (above === null) continue;
    const body = rowBody({ kind, device, local, revision: above }, payload);
    if (Buffer.byteLength(body) > BODY_BYTES)
      return { type: 'never', reason: `it is larger than the ${BODY_BYTES} bytes that clients take` };
    additions.push({ ...entryOf(rowId(kind, device, local), above, body, time), subject: subjectOf(kind, payload) });
  }
  return { type: 'ops', additions };
}

/** Of a row that is gone since the state of this revision. */
function tombstones(kind: RowKind, entities: readonly Entity[], revision: string, time: number, born: number): FeedAddition[] {
  return entities
    .filter((entity) => compareDecimals(revision, entity.revision) > 0)
    .map((entity) => tombstone(kind, entity, revision, time, born));
}

/** Of a row that is there, and told under another name. */
function ends(kind: RowKind, entities: readonly Entity[], revision: string, time: number, born: number): FeedAddition[] {
  return entities.flatMap((entity) => {
    const above = endAbove(revision, entity.revision);
    return above === null ? [] : [tombstone(kind, entity, above, time, born)];
  });
}

/** `born`: a time that is the same wherever this is served. Clients keep none of it. */
function tombstone(kind: RowKind, { device, local }: Entity, revision: string, time: number, born: number): FeedAddition {
  const body = tombstoneBody({ kind, device, local, revision }, Number.isFinite(born) ? born : 0);
  return { ...entryOf(rowId(kind, device, local), revision, body, time), subject: '' };
}

/** Of a session clients take in the title. The rest of it comes with its rows. */
async function titleOps(item: Outstanding, revision: string, { rows, feed, now }: ItemsToOpsDeps): Promise<Served> {
  const row = item.content === null ? null : await rows.rowOf(item.content);
  const shown = item.shown === null ? null : await rows.rowOf(item.shown);
  const [title, before] = [row?.get('custom_title'), shown?.get('custom_title')];
  if (item.content !== null && row === null) return LATER;
  if (row === null || typeof title !== 'string' || title === before) return { type: 'ops', additions: [] };
  const target = { content_session_id: row.get('content_session_id'), platform_source: row.get('platform_source') };
  const mutation = { op: 'set_title', target, fields: { custom_title: title } };
  const problem = mutationProblem(mutation);
  if (problem !== null) return { type: 'never', reason: problem };
  const uuid = uuidOf(`${item.item.name}\0${revision}`);
  const additions = [{ ...entryOf(`mutation:${uuid}`, '1', mutationBody(GATEWAY_DEVICE, uuid, '1', mutation), now), subject: '' }];
  return { type: 'ops', additions: feed.index.of(`mutation:${uuid}`).length > 0 ? [] : additions };
}

function entryOf(entity: string, revision: string, body: string, time: number): Omit<FeedAddition, 'subject'> {
  return { entity, revision, digest: digestOf(body), origin: GATEWAY_ORIGIN, time, body };
}

/** What two payloads have to share to be the same row to a client. */
function meaning(payload: Payload): string {
  const { content_hash: _, ...rest } = payload;
  return canonicalJson(Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null)));
}

function factsOf(session: Row | null, row: Row): SessionFacts {
  const text = (column: string): string | null => {
    const value = session?.get(column) ?? row.get(column);
    return typeof value === 'string' ? value : null;
  };
  return {
    memorySessionId: text('memory_session_id'),
    contentSessionId: text('content_session_id'),
    platform: text('platform_source'),
    project: text('project'),
  };
}
