import type { Result } from '../../core/result.ts';
import type { FormId } from './inventory.ts';
import type { ProjectPaths } from './history-line.ts';
import type { MachinePaths } from './path-tokens.ts';

/** Whether a value must not leave its machine. `keyPath` from the document's root, array indexes in digits. */
export type IsSecret = (keyPath: readonly string[], value: string) => boolean;

/** A part of a form that is put in place, or held back, as a whole. */
export interface FormPart {
  /** The item's name: `settings.json`. */
  readonly name: string;
  /** JSON pointer to the part: `/hooks`, `/mcpServers/NAME`; of a list of permissions, to an entry: `/permissions/allow/Bash(ls)`. */
  readonly pointer: string;
  /**
   * Canonical JSON of what the space wants here and of what this machine has, as the space spells it (paths as tokens,
   * secrets as marks), so that it is the same text on all machines; `null`: nothing.
   */
  readonly wanted: string | null;
  readonly applied: string | null;
}

/** `ask`: it waits for an answer. `later`: it waits for something else to be in place first. */
export type Admission = 'yes' | 'ask' | 'later';

/** Whether a part that could make something execute may be put in place here. */
export type Admit = (part: FormPart) => Admission;

export interface FormContext {
  readonly paths: MachinePaths;
  readonly isSecret: IsSecret;
  readonly admit: Admit;
  /** Where projects stand on this machine; none where absent. */
  readonly projects?: ProjectPaths;
  /** The item as the space has it now, where that is not what was shown: a mark in it counts already. */
  readonly standing?: Uint8Array | null;
  /** Whether a person said that what stands at a pointer, as the space spells it, or below is no secret. */
  readonly isReleased?: (pointer: string) => boolean;
}

/** Values that stay on this machine, by the place that their marks have in the space. */
export type KeptSecrets = Readonly<Record<string, string>>;

/** What a machine has of a form. `body: null`: nothing of it was shown yet. */
export interface LocalForm {
  readonly body: Uint8Array | null;
  readonly kept: KeptSecrets;
}

export interface Shown {
  readonly body: Uint8Array;
  /** Pointers to what is left out because this machine has no value for it. */
  readonly needs: readonly string[];
  /** Parts that wait for an answer: as before on this machine. */
  readonly held: readonly FormPart[];
  /** Parts that wait for something else. */
  readonly later: readonly FormPart[];
  /** Projects without a place here, of which something is left out. Absent where a form is looked at with each new place anyway. */
  readonly placeless?: readonly string[];
}

/**
 * An item whose bytes on a machine differ from those in the space. Pure. Laws: what `lay` made of a local body, `show`
 * makes that body again; `lay` of an unchanged local body gives the full body back, byte for byte (but for paths
 * that became known as projects); and what was never
 * shown is never taken out by its absence.
 */
export interface Form {
  readonly id: FormId;
  /** Only a part of the local file takes part; the rest of it is of no interest to the space. */
  readonly partial: boolean;
  /**
   * What is shown changes with the full body, and with the places of projects that `show` named as placeless: it is not looked at
   * for anything else.
   */
  readonly standsStill?: boolean;
  /**
   * What of the local file takes part; the file itself where all of it does. `known`: what took part before, so that what
   * is empty by now is told from what never was there. Fails with why the file cannot be read.
   */
  extract(file: Uint8Array, known: Uint8Array | null): Result<Uint8Array, string>;
  /** The local file (`null`: there is none) with that part replaced. */
  embed(file: Uint8Array | null, body: Uint8Array): Result<Uint8Array, string>;
  /** This machine's bytes of a full body, given what it has now. */
  show(full: Uint8Array, local: LocalForm, context: FormContext): Result<Shown, string>;
  /**
   * What is found, by a writer that had read `before` when `shown` was put in its place: its own changes, with what was
   * put there. Absent: found is found.
   */
  rebase?(before: Uint8Array, shown: Uint8Array, now: Uint8Array): Uint8Array;
  /**
   * Lays the difference between what was shown and what is found on the full body (`null`: there is none). Where both
   * changed, what is found stands.
   */
  lay(
    full: Uint8Array | null,
    shown: LocalForm,
    now: Uint8Array,
    context: FormContext,
  ): Result<{ readonly full: Uint8Array; readonly kept: KeptSecrets }, string>;
}
