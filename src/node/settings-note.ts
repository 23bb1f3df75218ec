import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { sha256Hex } from '../core/crypto/hash.ts';
import { fail, ok, type Result } from '../core/result.ts';
import { readPrivate, removePrivate, writePrivate } from './home.ts';
import { makeFolders } from './make-folders.ts';

/** Some settings in a file of another program: how they are read, and written so that all else stays. `text` is null for no file. */
export interface SettingsForm<Values, Details> {
  /** What they are; a setting that is not there is absent. The error says why it is no settings file. */
  read(text: string | null): Result<Values, string>;
  /** The file's text with these instead. What is absent goes. */
  write(text: string | null, values: Values): Result<string, string>;
  /** Whether they are still those that were written, as its details say. */
  isOurs(values: Values, details: Details): boolean;
}

/** What `connect` notes, so that `disconnect` undoes exactly. */
type Note<Values, Details> = Details & {
  readonly file: string;
  /** The whole file as it was; `null` where there was none. */
  readonly before: string | null;
  readonly settings: Values;
  /** SHA-256 of what was written. */
  readonly written: string;
};

export interface SettingsNote<Values, Details> {
  /** `null` where nothing was written by us. */
  read(): Promise<(Details & { readonly file: string }) | null>;
  /** Writes the settings. What they were is noted first, durably. The error says why the file was left alone. */
  write(file: string, values: Values, details: Details): Promise<Result<Details & { readonly file: string }, string>>;
  /** Puts the settings back as they were: the whole file, where nothing else changed in it since. `null`: there was nothing to undo. */
  undo(): Promise<Result<(Details & { readonly file: string }) | null, string>>;
}

export function createSettingsNote<Values, Details extends object>(
  noteFile: string,
  form: SettingsForm<Values, Details>,
): SettingsNote<Values, Details> {
  async function readNote(): Promise<Note<Values, Details> | null> {
    const text = await readPrivate(noteFile);
    return text === null ? null : (JSON.parse(text) as Note<Values, Details>);
  }

  return {
    read: readNote,

    async write(wanted, values, details) {
      await makeFolders(path.dirname(wanted));
      const file = await throughLinks(wanted);
      const text = await readPrivate(file);
      const before = form.read(text);
      const written = form.write(text, values);
      if (!before.ok || !written.ok) return fail(before.ok ? 'it is no settings file' : before.error);
      // Connected twice, what was there before the first time is what comes back.
      const earlier = await readNote();
      const kept = earlier !== null && earlier.file === file ? earlier : { before: text, settings: before.value };
      const note: Note<Values, Details> = {
        ...details,
        file,
        written: sha256Hex(written.value),
        before: kept.before,
        settings: kept.settings,
      };
      await makeFolders(path.dirname(noteFile)); // no node need have run here
      await writePrivate(noteFile, JSON.stringify(note));
      await writePrivate(file, written.value);
      return ok(note);
    },

    async undo() {
      const note = await readNote();
      if (note === null) return ok(null);
      const text = await readPrivate(note.file);
      if (text !== null && sha256Hex(text) === note.written) {
        if (note.before === null) await removePrivate(note.file);
        else await writePrivate(note.file, note.before);
      } else if (text !== null) {
        const now = form.read(text);
        if (!now.ok) return now;
        // Somebody else connected it elsewhere since: that is not ours to undo.
        const undone = form.isOurs(now.value, note) ? form.write(text, note.settings) : ok(text);
        if (!undone.ok) return undone;
        if (undone.value !== text) await writePrivate(note.file, undone.value);
      }
      await removePrivate(noteFile);
      return ok(note);
    },
  };
}

/** Where a link points to, so that the link stays. */
async function throughLinks(file: string): Promise<string> {
  try {
    return await realpath(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return file;
    throw error;
  }
}
