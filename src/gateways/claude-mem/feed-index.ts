import type { FeedMark } from '../../core/ports/feeds.ts';
import { compareDecimals } from './decimal.ts';

/** What a feed holds of each entity and subject, in memory: about 400 bytes an entry. */
export interface FeedIndex {
  /** The last number that it knows of. */
  readonly last: number;
  add(mark: FeedMark): void;
  /** Every revision that an entity has in the feed, by number. */
  of(entity: string): readonly FeedMark[];
  find(entity: string, revision: string): FeedMark | undefined;
  /** The one of the highest revision, whoever wrote it. */
  newest(entity: string): FeedMark | undefined;
  /** Entities that had this subject at some revision. */
  about(subject: string): Iterable<string>;
  /** All that the feed ever told of. */
  entities(): Iterable<string>;
}

export function createFeedIndex(): FeedIndex {
  const byEntity = new Map<string, FeedMark[]>();
  const bySubject = new Map<string, string | Set<string>>();
  let last = 0;

  const of = (entity: string): readonly FeedMark[] => byEntity.get(entity) ?? [];
  return {
    get last() {
      return last;
    },
    add(mark) {
      const { entity, subject, number } = mark;
      last = number;
      const marks = byEntity.get(entity);
      if (marks === undefined) byEntity.set(entity, [mark]);
      else marks.push(mark);
      if (subject === '') return;
      const about = bySubject.get(subject);
      if (about === undefined) bySubject.set(subject, entity);
      else if (typeof about !== 'string') about.add(entity);
      else if (about !== entity) bySubject.set(subject, new Set([about, entity]));
    },
    of,
    find: (entity, revision) => of(entity).find((mark) => mark.revision === revision),
    newest: (entity) => newestOf(of(entity)),
    about(subject) {
      const about = bySubject.get(subject);
      return about === undefined ? [] : typeof about === 'string' ? [about] : about;
    },
    entities: () => byEntity.keys(),
  };
}

/** The mark of the highest revision. */
export function newestOf(marks: readonly FeedMark[]): FeedMark | undefined {
  let newest: FeedMark | undefined;
  for (const mark of marks) if (newest === undefined || compareDecimals(mark.revision, newest.revision) > 0) newest = mark;
  return newest;
}

/** An index with more on top, which it does not know yet and may never. */
export function layered(below: FeedIndex): FeedIndex {
  const own = createFeedIndex();
  const of = (entity: string): readonly FeedMark[] => {
    const above = own.of(entity);
    return above.length === 0 ? below.of(entity) : [...below.of(entity), ...above];
  };
  return {
    get last() {
      return Math.max(below.last, own.last);
    },
    add: (mark) => own.add(mark),
    of,
    find: (entity, revision) => own.find(entity, revision) ?? below.find(entity, revision),
    newest: (entity) => newestOf(of(entity)),
    about(subject) {
      const above = [...own.about(subject)];
      return above.length === 0 ? below.about(subject) : new Set([...below.about(subject), ...above]);
    },
    entities: () => new Set([...below.entities(), ...own.entities()]),
  };
}
