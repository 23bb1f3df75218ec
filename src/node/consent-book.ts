import { bytesToHex, type MachineId } from '../core/ids.ts';
import { itemKey } from '../core/item.ts';
import type { ItemState } from '../core/ports/store.ts';
import type { Replica } from '../core/replica/replica.ts';
import { BodyUnavailable } from '../core/replica/workspace.ts';
import {
  answerItem,
  CONSENT_KIND,
  encodeAnswer,
  parseAnswer,
  parseAnswerItem,
  subjectId,
  type Answer,
} from '../kinds/claude-home/consent-answer.ts';
import type { ConsentSubject } from '../sources/claude-home/consent.ts';
import { createRecordWriters, type RecordWriters } from './record-writers.ts';
import type { ConsentBook, Standing, StandingQuery } from '../sources/claude-home/consent-workspace.ts';

/** An answer as its machine gave it. The path is what it says; the subject's id binds. */
interface Given {
  readonly answer: Answer;
  readonly path: string;
}

const TRUST = 'trust-own';
const WRITER = 'consents';
const SUBJECTS_PER_COMMIT = 400;

/** The answers of all machines of an account, which are items of its personal space. */
export interface SpaceConsents extends ConsentBook {
  /** Answers as this machine. Durable when it resolves; the others have it after the next sync. */
  answer(subjects: readonly ConsentSubject[], answer: Answer): Promise<void>;
  /** Whether what machines wrote that are members now needs no answer on this machine. Said here, for here alone. */
  trustsOwn(): Promise<boolean>;
  setTrustOwn(trusts: boolean): Promise<void>;
  /** Whether {@link ConsentBook.needsAllWriters} may hold at places that begin so. Call `refresh` before. O(answers). */
  mayNeedAllWriters(prefix: string): boolean;
  readonly writers: RecordWriters;
  /**
   * Cost: what stands there, and a look-up each; of many folders side by side what stands in the folder above them.
   */
  standing(where: StandingQuery): Promise<Standing[]>;
  close(): void;
}

export function createConsentBook(replica: Replica): SpaceConsents {
  const { store, random } = replica.deps;
  const { space, machine: self } = replica;
  const ownAnswers = `own-answers/${space}`;
  const listeners = new Set<() => void>();
  const answers = new Map<string, Map<MachineId, Given>>();
  /** Answers that count as long as they are exactly these: content by item. */
  let read = new Map<string, string>();
  const writers = createRecordWriters(replica);
  /** What was answered here, whatever becomes of it in the space. */
  const own = new Map<string, Answer>();
  let isOwnRead = false;
  let isStale = true;
  let trusts: boolean | null = null;
  const stopListening = replica.onChange((items) => {
    if (!items.some(({ kind }) => kind === CONSENT_KIND)) return;
    isStale = true;
    isOwnRead = false;
    for (const listener of listeners) listener();
  });

  async function refresh(): Promise<void> {
    trusts ??= (await store.read((tx) => tx.documents.get<{ readonly yes: boolean }>(TRUST, space)))?.yes ?? false;
    if (!isOwnRead) {
      isOwnRead = true;
      for (const { id, value } of await store.read((tx) => tx.documents.list<{ readonly answer: Answer }>(ownAnswers)))
        own.set(id, value.answer);
    }
    if (!isStale) return;
    isStale = false;
    const states = await replica.exclusive(() => replica.list({ kind: CONSENT_KIND }));
    const fresh = states.filter(({ item, content, position }) => read.get(itemKey(item)) !== `${content?.digest} ${position}`);
    const now = new Set(states.map(({ item }) => itemKey(item)));
    const gone = [...read.keys()].some((key) => !now.has(key));
    if (gone) {
      read = new Map();
      answers.clear();
    }
    for (const state of gone ? states : fresh) await readAnswer(state);
  }

  async function readAnswer(state: ItemState): Promise<void> {
    const named = parseAnswerItem(state.item);
    if (named === null || state.content === null) return;
    answers.get(named.id)?.delete(named.machine);
    try {
      // What another machine wrote under this name is no answer of the one that it names.
      const writer = await writers.at(state.position);
      const answer = writer === named.machine ? parseAnswer(await replica.bodies.read(state.content)) : null;
      if (writer === null) isStale = true;
      else read.set(itemKey(state.item), `${state.content.digest} ${state.position}`);
      if (answer === null) return;
      const given = answers.get(named.id) ?? new Map<MachineId, Given>();
      answers.set(named.id, given.set(named.machine, answer));
    } catch (error) {
      if (!(error instanceof BodyUnavailable)) throw error;
      isStale = true;
    }
  }

  /** Over whatever stands there: a place in this machine's name is for this machine's word. */
  async function draftAnswers(subjects: readonly ConsentSubject[], answer: Answer, message: string): Promise<void> {
    await replica.settle();
    const commit = replica.newCommitId();
    const items = subjects.map((subject) => answerItem(subjectId(subject), self));
    const bodies = subjects.map(({ path }) => encodeAnswer(answer, path, bytesToHex(random.bytes(8))));
    const states = await replica.visible(items);
    const pieces = await replica.bodies.store(bodies, commit, replica.keyId);
    const wishes = items.map((item, index) => {
      const body = bodies[index] as Uint8Array;
      const ours = { digest: replica.bodies.digestOf(body, {}), size: body.length, attributes: {}, pieces: pieces[index] ?? [] };
      return { item, base: states.get(itemKey(item))?.content ?? null, ours, history: [] };
    });
    await replica.draft(wishes, { message, writer: WRITER }, commit, async (tx) => {
      for (const subject of subjects) await tx.documents.put(ownAnswers, subjectId(subject), { answer });
    });
  }

  const isMember = (machine: MachineId): boolean => replica.membership.members.has(machine);

  /** Only what was written by machines that are members still; where none ever left, those are all. */
  const isOwn = (author: MachineId | null): boolean =>
    author === null ? replica.membership.removed.size === 0 : author === self || isMember(author);

  /** What a machine planted that was removed is not its successor's work, who wrote to the same file. */
  const doubtsWriters = (): boolean => trusts === true && replica.membership.removed.size > 0;

  const book: SpaceConsents = {
    writers,
    refresh,
    judge(subject, authors) {
      const id = subjectId(subject);
      const given = answers.get(id) ?? new Map<MachineId, Given>();
      const here = own.get(id) ?? given.get(self)?.answer;
      if (here !== undefined) return here === 'approved' ? 'allowed' : 'rejected';
      // A machine vouches for what others wrote. For its own work another one must, or a machine that turned bad could
      // have all others run what it likes. What it calls by another name is vouched for by nobody.
      const others = [...given].filter(([machine]) => isMember(machine));
      if (others.some(([, { answer }]) => answer === 'rejected')) return 'rejected';
      const isVouched = others.some(
        ([machine, { answer, path }]) =>
          answer === 'approved' && path === subject.path && authors.every((author) => author !== null && author !== machine),
      );
      if (isVouched && authors.length > 0) return 'allowed';
      return trusts === true && authors.every(isOwn) ? 'allowed' : 'waiting';
    },
    needsAllWriters: (subject) =>
      doubtsWriters() ||
      [...(answers.get(subjectId(subject)) ?? [])].some(([machine, { answer }]) => machine !== self && answer === 'approved'),
    allows: (subject) => book.judge(subject, []) === 'allowed',
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async answer(subjects, answer) {
      const word = answer === 'approved' ? 'Approve' : 'Reject';
      const [only] = subjects;
      const what = only !== undefined && subjects.length === 1 && only.path.length <= 200 ? only.path : `${subjects.length} things`;
      for (let from = 0; from < subjects.length; from += SUBJECTS_PER_COMMIT) {
        const some = subjects.slice(from, from + SUBJECTS_PER_COMMIT);
        await replica.exclusive(() => draftAnswers(some, answer, `${word} ${what}`));
      }
      isOwnRead = false;
    },
    trustsOwn: async () => {
      await refresh();
      return trusts === true;
    },
    async setTrustOwn(yes) {
      await store.write((tx) => tx.documents.put(TRUST, space, { yes }));
      trusts = yes;
      for (const listener of listeners) listener();
    },
    mayNeedAllWriters: (prefix) =>
      doubtsWriters() ||
      [...answers.values()].some((given) =>
        [...given].some(([machine, { answer, path }]) => machine !== self && answer === 'approved' && path.startsWith(prefix)),
      ),
    async standing({ items = [], folders = [] }) {
      // In one turn: others may have the space for long.
      const below = folders.length === 0 ? [] : await replica.exclusive(() => statesBelow(replica, folders));
      const states = new Map(below.map((state) => [itemKey(state.item), state]));
      if (items.length > 0) for (const [key, state] of await replica.visible(items)) states.set(key, state);
      const standing: Standing[] = [];
      for (const { item, content, position } of states.values()) {
        if (content === null) continue;
        standing.push({ item, content, position, author: await writers.at(position) });
      }
      return standing.sort((a, b) => (a.item.name < b.item.name ? -1 : 1));
    },
    close() {
      stopListening();
    },
  };
  return book;
}

/** So many folders of one parent are found by a look at the parent. */
const MANY_FOLDERS = 4;

/** What a space holds below some folders, none of which is inside another one. */
async function statesBelow(replica: Replica, folders: readonly string[]): Promise<ItemState[]> {
  const byParent = new Map<string, string[]>();
  for (const folder of folders) {
    const parent = folder.slice(0, folder.lastIndexOf('/') + 1);
    byParent.set(parent, [...(byParent.get(parent) ?? []), folder]);
  }
  const found: ItemState[] = [];
  for (const [parent, inside] of byParent) {
    const prefixes = new Set(inside.map((folder) => `${folder}/`));
    if (prefixes.size < MANY_FOLDERS) for (const prefix of prefixes) found.push(...(await replica.list({ prefix })));
    else {
      const isIn = ({ item: { name } }: ItemState): boolean => prefixes.has(name.slice(0, name.indexOf('/', parent.length) + 1));
      found.push(...(await replica.list(parent === '' ? {} : { prefix: parent })).filter(isIn));
    }
  }
  return found;
}
