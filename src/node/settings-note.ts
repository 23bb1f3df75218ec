import { chmod, rmdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { sha256Hex } from '../core/crypto/hash.ts';
import { fail, ok, type Result } from '../core/result.ts';
import { readPrivate, removePrivate, writePrivate } from './home.ts';
import { readForeign } from './read-foreign.ts';
import { makeFolders } from './make-folders.ts';
import { takeBack } from './take-back.ts';
import { throughLinks } from './through-links.ts';

/** Some settings in a file of another program: how they are read, and written so that all else stays. `text` is null for no file. */
export interface SettingsForm<Values, Details> {
  /** What they are; a setting that is not there is absent. The error says why it is no settings file. */
  read(text: string | null): Result<Values, string>;
  /** The file's text with these instead. What is absent goes. */
  write(text: string | null, values: Values): Result<string, string>;
  /** Whether they are still those that were written, as its details say. */
  isOurs(values: Values, details: Details): boolean;
  /** The setting that says which server, and the one that lets in there. */
  readonly address: keyof Values & string;
  readonly secret: keyof Values & string;
}

/** What `connect` notes, so that `disconnect` undoes exactly. What versions before 2026-12 did not note is absent. */
type Note<Values, Details> = Details & {
  readonly file: string;
  /** The whole file as it was; `null` where there was none. */
  readonly before: string | null;
  readonly settings: Values;
  /** SHA-256 of what was written. */
  readonly written: string;
  readonly wrote?: Values;
  /** Of the file as it was, where others than its owner might read it: what was written holds a secret. */
  readonly mode?: number;
  /** The folder was missing. */
  readonly madeFolder?: boolean;
};

export interface SettingsNote<Values, Details> {
  /** `null` where nothing was written by us. */
  read(): Promise<(Details & { readonly file: string }) | null>;
  /** Writes the settings. What they were is noted first, durably. The error says why the file was left alone. */
  write(file: string, values: Values, details: Details): Promise<Result<Details & { readonly file: string }, string>>;
  /**
   * Puts the settings back as they were: the whole file, where nothing else changed in it since, else what is still as it was
   * written. `null`: there was nothing to undo.
   */
  undo(): Promise<Result<(Details & Undone) | null, string>>;
}

export interface Undone {
  readonly file: string;
  /** Settings that somebody changed since, and that were left as they are. */
  readonly left: readonly string[];
  /** Where the settings as they were are kept, if they are not all back. */
  readonly kept: string | null;
}

const PRIVATE = 0o600;

export function createSettingsNote<Values extends object, Details extends object>(
  noteFile: string,
  form: SettingsForm<Values, Details>,
): SettingsNote<Values, Details> {
  async function readNote(): Promise<Note<Values, Details> | null> {
    const text = await readPrivate(noteFile);
    return text === null ? null : (JSON.parse(text) as Note<Values, Details>);
  }

  /** Beside what was kept before. Returns the file. */
  async function keep(text: string): Promise<string> {
    const first = noteFile + UNDONE;
    const there = await readPrivate(first);
    const file = there === null || there === text ? first : `${first}-${sha256Hex(text).slice(0, 8)}`;
    await writePrivate(file, text);
    return file;
  }

  return {
    read: readNote,

    async write(wanted, values, details) {
      const madeFolder = await makeFolders(path.dirname(wanted));
      const file = await throughLinks(wanted);
      const found = await readForeign(file);
      if (!found.ok) return found;
      const text = found.value;
      const before = form.read(text);
      const written = form.write(text, values);
      if (!before.ok || !written.ok) return fail(before.ok ? 'it is no settings file' : before.error);
      // Connected twice, what was there before the first time is what comes back.
      const earlier = await readNote();
      const { mode, ...kept } =
        earlier !== null && earlier.file === file
          ? { ...earlier, madeFolder: earlier.madeFolder === true || madeFolder }
          : { before: text, settings: before.value, mode: await modeOf(file), madeFolder };
      const note: Note<Values, Details> = {
        ...details,
        file,
        written: sha256Hex(written.value),
        before: kept.before,
        settings: kept.settings,
        wrote: values,
        ...(mode === undefined ? {} : { mode }),
        madeFolder: kept.madeFolder,
      };
      await makeFolders(path.dirname(noteFile)); // no node need have run here
      await writePrivate(noteFile, JSON.stringify(note));
      await writePrivate(file, written.value);
      return ok(note);
    },

    async undo() {
      const note = await readNote();
      if (note === null) return ok(null);
      const found = await readForeign(note.file);
      if (!found.ok) return found;
      const text = found.value;
      let undone: { text: string | null; left: readonly string[]; isAll: boolean } = { text, left: [], isAll: note.before === null };
      if (text !== null && sha256Hex(text) === note.written) undone = { text: note.before, left: [], isAll: true };
      else if (text !== null) {
        const now = form.read(text);
        if (!now.ok) return now;
        const wrote = note.wrote ?? (form.isOurs(now.value, note) ? now.value : ({} as Values));
        const { values, left, isAll } = takeBack({ now: now.value, wrote, before: note.settings }, form);
        const back = isDeepStrictEqual(values, now.value) ? ok(text) : form.write(text, values);
        if (!back.ok) return back;
        undone = { text: back.value, left, isAll };
      }
      const kept = undone.isAll ? null : await keep(JSON.stringify({ file: note.file, before: note.before, settings: note.settings }));
      if (text !== null && undone.text === null) await removePrivate(note.file);
      else if (undone.text !== null) {
        if (undone.text !== text) await writePrivate(note.file, undone.text);
        // What somebody chose meanwhile stays.
        if (note.mode !== undefined && (await modeOf(note.file)) === PRIVATE) await chmod(note.file, note.mode);
      }
      if (note.madeFolder === true) await removeEmpty(path.dirname(note.file));
      await removePrivate(noteFile);
      return ok({ ...note, left: undone.left, kept });
    },
  };
}

/** `undefined` where there is no file. */
async function modeOf(file: string): Promise<number | undefined> {
  try {
    return (await stat(file)).mode & 0o777;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function removeEmpty(folder: string): Promise<void> {
  try {
    await rmdir(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Something is in it by now, or it is gone, or a link.
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT', 'ENOTDIR', 'EBUSY'].includes(code ?? '')) throw error;
  }
}

/** Behind the name of a note, where the settings from before are kept that could not all be put back. */
export const UNDONE = '.undone';
