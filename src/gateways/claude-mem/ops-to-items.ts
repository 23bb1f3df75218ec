import type { Content } from '../../core/content.ts';
import type { Item } from '../../core/item.ts';
import type { FeedEntry } from '../../core/ports/feeds.ts';
import type { Found } from '../../core/replica/workspace.ts';
import { MEM_PREFIX, sessionGroup, sessionName } from '../../kinds/claude-mem/names.ts';
import { sameRow } from '../../kinds/rows/collided-columns.ts';
import { encodeRow, type Row } from '../../kinds/rows/row-body.ts';
import { digestOf } from './digest.ts';
import type { FeedIndex } from './feed-index.ts';
import { isFirstWord, isSameByPlace, isSameRowOf, madeFrom, type MadeFrom, type Untold } from './handed-over.ts';
import { heldBefore, layEdits, madeFromHeld, madeFromUnread, type WrittenTo } from './held-base.ts';
import { naturalName, type NameBook } from './name-book.ts';
import { layRow, payloadToRow, type NamedRow, type Payload } from './op-rows.ts';
import type { RowKind } from './payload.ts';
import { GATEWAY_ORIGIN } from './plan-push.ts';
import { memItem, type RowsOfSpace } from './rows-of-space.ts';
import type { OpBody } from './schema.ts';
import { madeFromHistory } from './unknown-base.ts';
import { doubledBy } from './subject.ts';
import { sessionRow, type SessionBook, type SessionSaid } from './session-book.ts';

/** What the feed holds besides the entries at hand. */
export interface FeedLook {
  readonly index: FeedIndex;
  entry(number: number): Promise<FeedEntry | null>;
  /** All of them. */
  entries(): AsyncIterable<FeedEntry>;
}

export interface OpsToItemsDeps {
  readonly rows: RowsOfSpace;
  readonly sessions: SessionBook;
  readonly names: NameBook;
  readonly feed: FeedLook;
  /** `null`: nothing was. */
  readonly handedOver: Untold | null;
  /** What clients were shown of a row last, or what was captured of it since; `null` for nothing. */
  readonly told: (name: string) => Promise<Content | null>;
  /** What was written into the database of this machine's worker; `null` for nothing. */
  readonly written: WrittenTo | null;
}

const NONE: ReadonlyMap<string, readonly Content[]> = new Map();

/** What pushed entries wish. */
export interface Wished {
  /** As a writer finds it: the last word of each item. */
  readonly found: readonly Found[];
  /** What rows are made from that another way carried before, `null` where nobody knows: shown, before what was found is captured. */
  readonly madeFrom: readonly { readonly item: Item; readonly content: Content | null }[];
  /** What clients count as shown of rows that they are to be told of: after what was found is captured. */
  readonly told: readonly { readonly item: Item; readonly content: Content | null }[];
}

/** Costs what the entries touch; `remap_project` O(rows). */
export async function opsToItems(entries: readonly FeedEntry[], deps: OpsToItemsDeps): Promise<Wished> {
  const { sessions, handedOver, feed } = deps;
  const { said, handed, placed } = await namesIn(entries, deps);
  const there = await deps.rows.ahead(said);
  const isHanded = handedOver !== null && handed.length > 0;
  const [shown, untold] = isHanded ? [await handedOver.shown(handed), await handedOver.untold(handed)] : [NONE, NONE];
  const bases = new Map<string, Content | null>();
  const tellAgain = new Map<string, Content | null>();
  let standingAll: ReadonlyMap<string, Content> | undefined;
  /** As they are now, with what came before in these entries; `null` is gone. */
  const wished = new Map<string, Row | null>();
  const now = async (name: string): Promise<Row | null> => (wished.has(name) ? (wished.get(name) ?? null) : there.row(name));
  const rows: RowsOfSpace = { ...deps.rows, row: now, under: async (prefix) => overlay(await deps.rows.under(prefix), wished, prefix) };

  async function wishSession(said: SessionSaid): Promise<void> {
    const key = await sessions.keyOf(said);
    const session = sessionName(key);
    const before = await now(session);
    const row = sessionRow(before, key, said, before === null ? await standing(session) : null);
    if (row !== null) wished.set(session, row);
  }

  /** A session as it stands in the worker's own database, whatever became of it elsewhere. */
  async function standing(session: string): Promise<Row | null> {
    standingAll ??= await handedOver?.sessions();
    const content = standingAll?.get(session);
    return content === undefined ? null : there.rowOf(content);
  }

  async function madeFromShown(entry: FeedEntry, kind: RowKind, { name, row }: NamedRow): Promise<MadeFrom | null> {
    const contents = untold.get(name) ?? [];
    const isTheirs = handedOver !== null && entry.origin === handedOver.device && isFirstWord(entry, feed.index);
    return contents.length === 0 || !isTheirs || wished.has(name) || bases.has(name) ? null : madeFrom(kind, row, contents, there);
  }

  /** As {@link madeFromShown}, where nobody noted how its device got a row that is there. */
  async function madeFromAny(entry: FeedEntry, kind: RowKind, { name, row }: NamedRow): Promise<MadeFrom | null> {
    if (!isFirstWord(entry, feed.index) || wished.has(name) || bases.has(name)) return null;
    const current = await now(name);
    return current === null ? null : madeFromHistory(kind, { name, row }, { current, known: await deps.told(name) }, there);
  }

  /** As {@link madeFromShown}, of a row that its device told of before. Its edits alone, where what it said then is in these entries. */
  async function madeFromBefore(entry: FeedEntry, kind: RowKind, { name, row }: NamedRow): Promise<MadeFrom | null> {
    const current = await now(name);
    const payload = await heldBefore(entry, feed, deps.written);
    if (payload === null || (current === null && !(await isUnread(name)))) return null;
    const held = payloadToRow(kind, payload, sessionName(await sessions.keyOf(sessionSaid(payload))));
    if ((await itemOf(held.name, false)) !== name) return null;
    const base = bases.get(name);
    if (base !== undefined) {
      const before = wished.get(name) ?? (base === null ? current : await there.rowOf(base));
      return before === null ? null : { base, row: layEdits(before, held.row, row), isNews: true };
    }
    if (wished.has(name)) return null;
    const said = { name, row, held: held.row };
    return current === null ? madeFromUnread(kind, said, there) : madeFromHeld(kind, said, current, there);
  }

  /** The item that this row was where it stands, before it was told by other words; `null` where its words say which it is. */
  async function itemAt({ number }: FeedEntry, named: NamedRow): Promise<string | null> {
    const name = placed.get(number);
    if (name === undefined || name === named.name) return null;
    return (await isSameByPlace(name, named, shown.get(name) ?? [], there)) ? name : null;
  }

  /** The item of a row that these words name. A new row, or one that its device tells of first, is another's only while that says the same. */
  async function itemOf(natural: string, isFirst: boolean): Promise<string> {
    const known = deps.names.of(natural);
    if (known === natural || (await now(natural)) !== null) return natural;
    const row = isFirst ? await now(known) : null;
    return !isFirst || (row !== null && naturalName(known, row) === natural) ? known : natural;
  }

  /** Whether a row is there whose body is not: it came while the home of the space cannot be reached. */
  async function isUnread(name: string): Promise<boolean> {
    return !wished.has(name) && (await there.there([name])).has(name);
  }

  /** The item that this row was until its device told it by other words, which name no other one. */
  async function renamed(entry: FeedEntry, { name, row }: NamedRow): Promise<string | null> {
    const [gone] = await goneWith(entry, deps);
    const item = gone === undefined ? null : await itemOf(gone, false);
    if (item === null || item === (await itemOf(name, false)) || (await now(name)) !== null) return null;
    const before = await now(item);
    if (before === null) return (await isUnread(item)) && sessionGroup(item) === sessionGroup(name) ? item : null;
    return isSameRowOf(before, row) ? item : null;
  }

  async function live(entry: FeedEntry, kind: RowKind, payload: Payload): Promise<void> {
    const said = sessionSaid(payload);
    const named = payloadToRow(kind, payload, sessionName(await sessions.keyOf(said)));
    const { row } = named;
    const placedAt = await itemAt(entry, named);
    const at = placedAt ?? (await renamed(entry, named));
    // Clients that hold it under another name, by other words, are told that it goes by this one.
    const clientsHave = placedAt === null ? null : await deps.told(placedAt);
    if (placedAt !== null && clientsHave !== null) tellAgain.set(placedAt, clientsHave);
    if (at !== null) deps.names.learn(at, row);
    const name = at ?? (await itemOf(named.name, isFirstWord(entry, feed.index)));
    const stands = await now(name);
    if (stands !== null && naturalName(name, stands) !== named.name) deps.names.learnTold(name, entry.subject);
    const made = await madeFromShown(entry, kind, { name, row });
    if (made !== null) bases.set(name, made.base);
    if (made !== null && made.isNews) wished.set(name, made.row);
    // Nor is its session, which may have been deleted with it.
    if (made !== null && !made.isNews) return;
    await wishSession(said);
    if (made !== null) return;
    const any = await madeFromAny(entry, kind, { name, row });
    if (any !== null) {
      bases.set(name, any.base);
      if (any.isNews) wished.set(name, any.row);
      return;
    }
    // A row that is told by other words now has another name.
    for (const gone of await goneWith(entry, deps)) {
      const item = await itemOf(gone, false);
      if (item !== name) wished.set(item, null);
    }
    const before = await madeFromBefore(entry, kind, { name, row });
    if (before !== null) {
      bases.set(name, before.base);
      if (before.isNews) wished.set(name, before.row);
      if (before.told !== undefined) tellAgain.set(name, before.told);
      return;
    }
    const current = await now(name);
    wished.set(name, current === null ? row : layRow(kind, row, current));
  }

  /** The item of the row that an entity was told as before this entry. */
  async function itemToldAs(entity: string, { number }: FeedEntry): Promise<string | null> {
    const told = feed.index.of(entity).findLast((mark) => mark.number < number && mark.subject !== '');
    const natural = told === undefined ? null : await naturalAt(told.number, deps);
    return natural === null ? null : itemOf(natural, false);
  }

  /** What a device says more of another one's row: of that, whatever words it tells it by. Clients, who are given no such word, are told what comes of it. */
  async function double(entry: FeedEntry, kind: RowKind, payload: Payload): Promise<void> {
    const said = sessionSaid(payload);
    const named = payloadToRow(kind, payload, sessionName(await sessions.keyOf(said)));
    const isFirst = isFirstWord(entry, feed.index);
    const isThere = isFirst && (await now(named.name)) !== null;
    const name = isThere ? named.name : ((await itemToldAs(doubledBy(entry) ?? '', entry)) ?? (await itemOf(named.name, isFirst)));
    deps.names.learn(name, named.row);
    const current = await now(name);
    const clientsHave = await deps.told(name);
    const made = current === null ? null : await madeByDouble(entry, kind, { name, row: named.row }, current);
    if (made !== null && !made.isNews) return;
    await wishSession(said);
    if (made !== null) bases.set(name, made.base);
    wished.set(name, made?.row ?? named.row);
    tellAgain.set(name, clientsHave);
  }

  async function madeByDouble(entry: FeedEntry, kind: RowKind, named: NamedRow, current: Row): Promise<MadeFrom> {
    const { name, row } = named;
    const none: MadeFrom = { base: null, row: current, isNews: false };
    if (sameRow(layRow(kind, row, current), current)) return none;
    const shown = await madeFromShown(entry, kind, named);
    if (shown !== null) return shown;
    const payload = await heldBefore(entry, feed, deps.written);
    if (payload === null) return (await madeFromHistory(kind, named, { current, known: null }, there)) ?? none;
    const held = payloadToRow(kind, payload, sessionName(await sessions.keyOf(sessionSaid(payload)))).row;
    const made = await madeFromHeld(kind, { name, row, held }, current, there);
    if (made !== null) return made;
    const [base = null] = await there.said(name);
    return { base, row: layRow(kind, row, current), isNews: true };
  }

  /** A row goes with its double while it says what the device had: what was edited since outlives that. */
  async function endDouble(entry: FeedEntry, kind: RowKind, doubled: string): Promise<void> {
    const name = await itemToldAs(doubled, entry);
    const current = name === null ? null : await now(name);
    const payload = await heldBefore(entry, feed, deps.written);
    if (name === null || current === null || payload === null) return;
    const held = payloadToRow(kind, payload, sessionName(await sessions.keyOf(sessionSaid(payload)))).row;
    if (!sameRow(layRow(kind, held, current), current)) return;
    tellAgain.set(name, await deps.told(name));
    const [base] = await there.said(name);
    if (base !== undefined && !wished.has(name)) bases.set(name, base);
    wished.set(name, null);
  }

  for (const entry of entries) {
    const says = saidIn(entry);
    if (says === null) continue;
    if (says.kind === 'mutation') {
      for (const [name, row] of await mutated(says.mutation, entry.time, { rows, sessions })) wished.set(name, row);
    } else if (says.deleted) {
      const doubled = doubledUntil(entry, feed.index);
      if (doubled === null) for (const name of await goneWith(entry, deps)) wished.set(await itemOf(name, false), null);
      else await endDouble(entry, says.kind, doubled);
    } else if (doubledBy(entry) === null) await live(entry, says.kind, says.payload);
    else await double(entry, says.kind, says.payload);
  }
  const found = [...wished].map(([name, row]): Found => {
    const item = memItem(name);
    return row === null ? { type: 'absent', item } : { type: 'body', item, attributes: {}, body: encodeRow(row), local: null };
  });
  const shownAs = (contents: ReadonlyMap<string, Content | null>): Wished['told'] =>
    [...contents].map(([name, content]) => ({ item: memItem(name), content }));
  return { found, madeFrom: shownAs(bases), told: shownAs(tellAgain) };
}

/**
 * Of the rows that entries say, and of their sessions. `handed`: rows that another way may have carried before; `placed`: what it knew each
 * as that stands where an entry says, by the entry's number.
 */
async function namesIn(
  entries: readonly FeedEntry[],
  { sessions, names, feed, handedOver }: OpsToItemsDeps,
): Promise<{ readonly said: string[]; readonly handed: string[]; readonly placed: ReadonlyMap<number, string> }> {
  const said: string[] = [];
  const handed: string[] = [];
  const placed = new Map<number, string>();
  for (const entry of entries) {
    const says = saidIn(entry);
    if (says === null || says.kind === 'mutation' || says.deleted) continue;
    const session = sessionName(await sessions.keyOf(sessionSaid(says.payload)));
    const { name } = payloadToRow(says.kind, says.payload, session);
    said.push(session, name, names.of(name));
    if (handedOver === null || entry.origin !== handedOver.device || !isFirstWord(entry, feed.index)) continue;
    handed.push(name, names.of(name));
    const at = await handedOver.nameAt(says.kind, says.origin_local_id);
    if (at === null) continue;
    placed.set(entry.number, at);
    said.push(at);
    handed.push(at);
  }
  return { said, handed, placed };
}

function overlay(there: ReadonlyMap<string, Row>, wished: ReadonlyMap<string, Row | null>, prefix: string): Map<string, Row> {
  const rows = new Map(there);
  for (const [name, row] of wished) {
    if (!name.startsWith(prefix)) continue;
    if (row === null) rows.delete(name);
    else rows.set(name, row);
  }
  return rows;
}

/** What an entry says that a device pushed; `null` for what the gateway made itself, and for what nobody knows any more. */
export function saidIn({ origin, body, digest, said = body }: FeedEntry): OpBody | null {
  return origin === GATEWAY_ORIGIN || digestOf(said) !== digest ? null : (JSON.parse(said) as OpBody);
}

export function sessionSaid(payload: Payload): SessionSaid {
  const text = (field: string): string | null => (payload[field] as string | null | undefined) ?? null;
  return {
    memorySessionId: text('memory_session_id'),
    contentSessionId: text('content_session_id'),
    platform: text('platform_source'),
    project: text('project'),
    time: Number(payload['created_at_epoch']),
  };
}

/** What named this row until this entry, and names no other row. */
async function goneWith(entry: FeedEntry, { sessions, feed }: OpsToItemsDeps): Promise<string[]> {
  const before = feed.index.of(entry.entity).findLast(({ number, subject }) => number < entry.number && subject !== '');
  if (before === undefined || before.subject === entry.subject || doubledBy(before) !== null) return [];
  for (const other of feed.index.about(before.subject)) {
    const isTold = other !== entry.entity && feed.index.newest(other)?.subject === before.subject;
    // What is served as no device's is this very item.
    if (isTold && feed.index.of(other).some(({ origin }) => origin !== GATEWAY_ORIGIN)) return [];
  }
  const natural = await naturalAt(before.number, { sessions, feed });
  return natural === null ? [] : [natural];
}

/** The name of the row by the words that stand under a number of the feed; `null` for no row. */
async function naturalAt(number: number, { sessions, feed }: Pick<OpsToItemsDeps, 'sessions' | 'feed'>): Promise<string | null> {
  const entry = await feed.entry(number);
  const says = entry === null ? null : (JSON.parse(entry.said ?? entry.body) as OpBody);
  if (says === null || says.kind === 'mutation' || says.deleted) return null;
  return payloadToRow(says.kind, says.payload, sessionName(await sessions.keyOf(sessionSaid(says.payload)))).name;
}

/** Of which entity this one was a double until this entry; `null` for none. */
function doubledUntil({ entity, number }: FeedEntry, index: FeedIndex): string | null {
  const before = index.of(entity).findLast((mark) => mark.number < number);
  return before === undefined ? null : doubledBy(before);
}

type Changed = [name: string, row: Row];

async function mutated(mutation: Payload, time: number, deps: Pick<OpsToItemsDeps, 'rows' | 'sessions'>): Promise<Changed[]> {
  const { rows, sessions } = deps;
  const part = (key: string): Payload => (mutation[key] ?? {}) as Payload;
  switch (mutation['op']) {
    case 'set_title': {
      const session = sessionName(await sessions.keyOf(sessionSaid(part('target'))));
      const row = await rows.row(session);
      return row === null ? [] : [[session, new Map([...row, ['custom_title', part('fields')['custom_title'] as string]])]];
    }
    case 'set_prompt_session': {
      const said = { ...sessionSaid(part('fields')), time };
      const key = await sessions.keyOf(said);
      const session = sessionName(key);
      const row = sessionRow(await rows.row(session), key, said);
      return row === null ? [] : [[session, row]];
    }
    default:
      return remapped(part('where'), part('fields'), deps);
  }
}

async function remapped(
  where: Payload,
  fields: Payload,
  { rows, sessions }: Pick<OpsToItemsDeps, 'rows' | 'sessions'>,
): Promise<Changed[]> {
  const said = sessionSaid(where);
  const session = said.memorySessionId === null ? null : sessionName(await sessions.keyOf(said));
  const group = session === null ? '' : `${session.slice(`${MEM_PREFIX}sessions/`.length)}/`;
  const names = Object.entries(fields) as [string, string][];
  const changed: Changed[] = [];
  for (const table of ['observations', 'summaries']) {
    for (const [name, row] of await rows.under(`${MEM_PREFIX}${table}/${group}`)) {
      if (where['project'] !== undefined && row.get('project') !== where['project']) continue;
      if (where['merged_into_project_is_null'] === true && row.has('merged_into_project')) continue;
      changed.push([name, new Map([...row, ...names])]);
    }
  }
  const parent = session === null || fields['project'] === undefined ? null : await rows.row(session);
  if (session !== null && parent !== null) changed.push([session, new Map([...parent, ['project', fields['project'] as string]])]);
  return changed;
}
