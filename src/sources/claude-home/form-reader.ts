import type { Content } from '../../core/content.ts';
import { sha256Hex } from '../../core/crypto/hash.ts';
import { itemKey, type Item } from '../../core/item.ts';
import type { View } from '../../core/ports/store.ts';
import { BodyUnavailable, type Workspace } from '../../core/replica/workspace.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import type { Form, LocalForm } from '../../kinds/claude-home/form.ts';
import type { FormsDeps, FormState } from './form-deps.ts';
import type { FormDocument, FormPair } from './form-memory.ts';

/** What this machine was shown of an item: the full body (`null`: it is nowhere any more) and the local one. */
export interface ShownForm {
  readonly full: Uint8Array | null;
  /** As it was noted; `null`: it was not. */
  readonly pair: FormPair | null;
  readonly local: LocalForm & { readonly body: Uint8Array };
}

/** What is to be put in place of an item. */
export interface FormTarget {
  readonly full: Uint8Array;
  /** What it replaces, and what is known of the item: as they were looked at for it. */
  readonly shown: ShownForm | null;
  readonly document: FormDocument;
  /** What of the file takes part, and the file with it. */
  readonly local: Uint8Array;
  readonly file: Uint8Array;
  readonly placeless: readonly string[];
  readonly state: FormState;
}

export interface FormReader {
  formOf(item: Item): Form | undefined;
  viewOf(item: Item): Promise<View | undefined>;
  /** The body of an item; `null`: it was forgotten, and can be had nowhere any more. */
  readKept(item: Item, content: Content): Promise<Uint8Array | null>;
  /** What the view shows; the local body is found anew where none was noted. `null`: nothing. */
  shownForm(item: Item, view: View | undefined, document: FormDocument): Promise<ShownForm | null>;
  /** What would be put in place of an item now. Throws BodyUnavailable. */
  targetOf(item: Item, content: Content, view: View | undefined): Promise<Result<FormTarget, string>>;
  /** Whether a part of an item waits for something else, as it was last looked at. */
  isWaiting(name?: string): boolean;
}

/** Reads bodies of the space as this machine has them. */
export function createFormReader(inner: Workspace, deps: FormsDeps): FormReader {
  const { forms, memory } = deps;
  const waiting = new Set<string>();
  const formOf = (item: Item): Form | undefined => forms.get(item.name);

  async function readKept(item: Item, content: Content): Promise<Uint8Array | null> {
    try {
      return await inner.read(item, content);
    } catch (error) {
      if (error instanceof BodyUnavailable && (error.reason === 'erased' || error.reason === 'pruned')) return null;
      throw error;
    }
  }

  async function shownForm(item: Item, view: View | undefined, document: FormDocument): Promise<ShownForm | null> {
    const form = formOf(item);
    if (form === undefined || view === undefined || view.shown === null || view.notHere !== null) return null;
    const full = await readKept(item, view.shown);
    const { kept } = document;
    if (full === null)
      return document.shown === null ? null : { full, pair: document.shown, local: { body: bytesOf(document.shown.local), kept } };
    const hash = sha256Hex(full);
    const pair = [document.captured, document.shown, document.before].find((known) => known?.full === hash);
    if (pair !== undefined && pair !== null) return { full, pair, local: { body: bytesOf(pair.local), kept } };
    const shown = form.show(full, { body: null, kept }, await deps.contextOf(item));
    return { full, pair: null, local: { body: shown.ok ? shown.value.body : full, kept } };
  }

  async function targetOf(item: Item, content: Content, view: View | undefined): Promise<Result<FormTarget, string>> {
    const form = formOf(item) as Form;
    if ('link' in content.attributes) return fail('the space holds a link in its place');
    const full = await inner.read(item, content);
    const document = await memory.get(item.name);
    const shown = await shownForm(item, view, document);
    const wanted = form.show(full, shown?.local ?? { body: null, kept: document.kept }, await deps.contextOf(item));
    if (!wanted.ok) return fail(`the space holds what cannot be shown here: ${wanted.error}`);
    const file = form.embed(form.partial ? await deps.readLocal(item.name) : null, wanted.value.body);
    if (!file.ok) return fail(`the file here cannot be read: ${file.error}`);
    const part = form.extract(file.value, wanted.value.body);
    if (!part.ok) return fail(part.error);
    const { held, later, needs, placeless = [] } = wanted.value;
    if (later.length === 0) waiting.delete(item.name);
    else waiting.add(item.name);
    const state = { item, held, later, needs, problem: null };
    return ok({ full, shown, document, local: part.value, file: file.value, placeless, state });
  }

  return {
    formOf,
    readKept,
    shownForm,
    targetOf,
    viewOf: async (item) => (await inner.views([item.name])).get(itemKey(item)),
    isWaiting: (name) => (name === undefined ? waiting.size > 0 : waiting.has(name)),
  };
}

export function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text));
}

export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}

/** A file that has nothing to say has no say in what the space holds. */
export function isNothing(part: Uint8Array): boolean {
  return part.length < 100 && /^\s*\{\s*\}\s*$/.test(textOf(part));
}
