import type { Content } from '../../core/content.ts';
import { bodySha256 } from '../../core/crypto/body-hash.ts';
import type { ContentDigest } from '../../core/ids.ts';
import { itemKey, type Item } from '../../core/item.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Replica } from '../../core/replica/replica.ts';
import { isMnemeFile, MNEME_PREFIX, mnemeItem, RENDERED_FILE, type MnemeProject } from '../../kinds/mneme/names.ts';
import { clampSummary } from '../../kinds/mneme/clamp-summary.ts';
import { renderSummary } from '../../kinds/mneme/render-summary.ts';
import { createContentTimes } from './content-times.ts';
import type { SyncedFile } from './schema.ts';
import { wireTime } from './wire.ts';

/** A file as it is served. */
export interface ServedFile {
  readonly name: SyncedFile;
  /** `null`: rendered, not kept. */
  readonly item: Item | null;
  readonly content: Content | null;
  readonly digest: ContentDigest;
  readonly body: Uint8Array;
  /** When it became what it is, as far as this node noticed: milliseconds. */
  readonly changed: number;
  /** `{"content", "mtime"}`, as it goes out. */
  readonly answer: Uint8Array;
}

/** The files of the projects in one space, as they are now. */
export interface ServedFiles {
  /** `null` where there is none. Throws BodyUnavailable. O(1) while nothing changed. */
  read(project: MnemeProject, file: SyncedFile): Promise<ServedFile | null>;
  /** When a file became what it is, as it is listed and read. One look-up at most, of no body where it was not rendered. */
  changedAt(project: MnemeProject, file: SyncedFile): Promise<number>;
  close(): void;
}

/** Where there is no `summary.json` to render it from, a client's own is kept as text. */
export function itemOf(project: MnemeProject, file: SyncedFile): Item {
  return isMnemeFile(file) ? mnemeItem(project, file) : { kind: 'text', name: `${MNEME_PREFIX}${project}/${file}` };
}

const KEPT_BYTES = 16 * 1024 * 1024;

export function createServedFiles({ replica, clock }: { readonly replica: Replica; readonly clock: Clock }): ServedFiles {
  const kept = new Map<string, { readonly file: Promise<ServedFile | null>; bytes: number }>();
  const times = createContentTimes(clock);
  let bytes = 0;

  const drop = (key: string): void => {
    bytes -= kept.get(key)?.bytes ?? 0;
    kept.delete(key);
  };
  const stop = replica.onChange((items, how) => {
    if (how === 'landed') return; // the same as before
    for (const item of items) {
      if (!item.name.startsWith(MNEME_PREFIX)) continue;
      const folder = item.name.slice(0, item.name.lastIndexOf('/') + 1);
      drop(item.name);
      // Made of several.
      drop(folder + RENDERED_FILE);
      drop(`${folder}summary.json`);
      times.noticed(item);
    }
  });

  async function lookUp(item: Item): Promise<Content | null> {
    const state = replica.draftedState(item) ?? (await replica.visible([item])).get(itemKey(item));
    return state?.content ?? null;
  }

  async function load(item: Item, name: SyncedFile): Promise<ServedFile | null> {
    const { found: content, since } = await times.of(item, () => lookUp(item));
    if (content === null) return null;
    const body = await replica.bodies.read(content);
    return served({ name, item, content, digest: content.digest, body, changed: since });
  }

  /** `summary.json` says how much of the log it is of, and after a merge there may be less. */
  async function loadSummary(project: MnemeProject): Promise<ServedFile | null> {
    const summary = await load(itemOf(project, 'summary.json'), 'summary.json');
    if (summary === null) return null;
    const log = await load(itemOf(project, 'log.jsonl'), 'log.jsonl');
    return log === null ? summary : served({ ...summary, body: clampSummary(summary.body, log.body) });
  }

  async function loadRendered(project: MnemeProject): Promise<ServedFile | null> {
    const summary = await load(itemOf(project, 'summary.json'), 'summary.json');
    const body = summary === null ? null : renderSummary(summary.body);
    if (summary === null || body === null) return load(itemOf(project, RENDERED_FILE), RENDERED_FILE);
    const digest = replica.bodies.digest(bodySha256(body), {});
    return served({ name: RENDERED_FILE, item: null, content: null, digest, body, changed: summary.changed });
  }

  const LOADS: { readonly [F in SyncedFile]?: (project: MnemeProject) => Promise<ServedFile | null> } = {
    'summary.json': loadSummary,
    [RENDERED_FILE]: loadRendered,
  };

  async function read(project: MnemeProject, file: SyncedFile): Promise<ServedFile | null> {
    const key = `${MNEME_PREFIX}${project}/${file}`;
    const known = kept.get(key);
    if (known !== undefined) {
      kept.delete(key);
      kept.set(key, known);
      return known.file;
    }
    const entry = { file: LOADS[file]?.(project) ?? load(itemOf(project, file), file), bytes: 0 };
    kept.set(key, entry);
    try {
      const found = await entry.file;
      if (kept.get(key) !== entry) return found;
      if (found === null) kept.delete(key); // whoever asks for what is not there must not fill the memory
      entry.bytes = (found?.body.length ?? 0) + (found?.answer.length ?? 0);
      bytes += found === null ? 0 : entry.bytes;
      for (const oldest of kept.keys()) {
        if (bytes <= KEPT_BYTES || oldest === key) break;
        drop(oldest);
      }
      return found;
    } catch (error) {
      if (kept.get(key) === entry) kept.delete(key);
      throw error;
    }
  }

  return {
    read,
    async changedAt(project, file) {
      if (file === RENDERED_FILE) return (await read(project, file))?.changed ?? clock.now();
      const item = itemOf(project, file);
      return (await times.of(item, () => lookUp(item))).since;
    },
    close: stop,
  };
}

function served(file: Omit<ServedFile, 'answer'>): ServedFile {
  const content = Buffer.from(file.body).toString('utf8');
  return { ...file, answer: Buffer.from(JSON.stringify({ content, mtime: wireTime(file.changed) })) };
}
