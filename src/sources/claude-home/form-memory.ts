import type { SpaceId } from '../../core/ids.ts';
import type { Store } from '../../core/ports/store.ts';
import type { KeptSecrets } from '../../kinds/claude-home/form.ts';

/** A body in the space, and the local body that stands for it on this machine. */
export interface FormPair {
  /** SHA-256 of the full body, hex. */
  readonly full: string;
  /** The local body (what of the file takes part), as text. */
  readonly local: string;
}

/**
 * What a machine knows of an item with a form, durable. Which pair holds is decided by the view: the one whose full body
 * the view shows. So the two need not be written in one transaction, and a crash between them does no harm.
 */
export interface FormDocument {
  readonly shown: FormPair | null;
  /** The pair before, until the view has moved on. */
  readonly before: FormPair | null;
  /** About to be captured. */
  readonly captured: FormPair | null;
  /** About to be put in place. */
  readonly intended: FormPair | null;
  /** Secret values of this machine, by the place that their marks have in the space. */
  readonly kept: KeptSecrets;
}

export const NO_FORM: FormDocument = { shown: null, before: null, captured: null, intended: null, kept: {} };

/** One document an item. */
export interface FormMemory {
  get(name: string): Promise<FormDocument>;
  put(name: string, document: FormDocument): Promise<void>;
  /** Projects whose part of what this machine shows was left out, since they had no place here; `null`: it is not known. */
  placeless(name: string): Promise<readonly string[] | null>;
  putPlaceless(name: string, projects: readonly string[] | null): Promise<void>;
}

/** Of the items of a space as one tree shows them. */
export function createFormMemory(store: Store, space: SpaceId): FormMemory {
  const collection = `forms/${space}`;
  // Not in the item's document, which holds bodies: this is asked for at each start.
  const placeless = `forms/placeless/${space}`;
  return {
    get: async (name) => (await store.read((tx) => tx.documents.get<FormDocument>(collection, name))) ?? NO_FORM,
    put: (name, document) => store.write((tx) => tx.documents.put(collection, name, document)),
    placeless: async (name) => (await store.read((tx) => tx.documents.get<readonly string[]>(placeless, name))) ?? null,
    putPlaceless: (name, projects) => store.write((tx) => tx.documents.put(placeless, name, projects)),
  };
}
