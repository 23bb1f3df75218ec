import type { Content } from '../../core/content.ts';
import { equalBytes, sha256Hex } from '../../core/crypto/hash.ts';
import { itemKey, type Item } from '../../core/item.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { View } from '../../core/ports/store.ts';
import { BodyUnavailable, type Found, type Outstanding, type Workspace } from '../../core/replica/workspace.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import type { Form, FormContext, FormPart, KeptSecrets, LocalForm } from '../../kinds/claude-home/form.ts';
import type { FormDocument, FormMemory, FormPair } from './form-memory.ts';

/** Milliseconds in which a writer that had read a file before it was written over may still write what it made of that. */
const STALE_MS = 2_000;

export interface FormsDeps {
  readonly clock: Clock;
  readonly memory: FormMemory;
  /** Names that have a form, and their forms. */
  readonly forms: ReadonlyMap<string, Form>;
  /** What holds on this machine now for an item; `content` is what would be shown of it. */
  contextOf(item: Item): Promise<FormContext>;
  /** Changes whenever an answer of `contextOf` may have changed. Cheap. */
  stamp(): string;
  /** The local file as it is now, for forms that are a part of one; `null`: there is none. */
  readLocal(name: string): Promise<Uint8Array | null>;
  /** What a part waited for may be in place now, so that another apply is due. */
  onPlaced?(): void;
}

/** How an item with a form stands on this machine. */
export interface FormState {
  readonly item: Item;
  /** Pointers to what is left out because this machine has no value for it. */
  readonly needs: readonly string[];
  /** Parts that wait for an answer. */
  readonly held: readonly FormPart[];
  /** Parts that wait for something else to be in place. */
  readonly later: readonly FormPart[];
  /** Why it cannot be shown at all. */
  readonly problem: string | null;
}

export interface FormsWorkspace extends Workspace {
  /** Of all items with a form that the space holds. Reads their bodies. */
  inspect(): Promise<FormState[]>;
}

/** What is to be put in place of an item. */
interface Target {
  readonly full: Uint8Array;
  /** What of the file takes part, and the file with it. */
  readonly local: Uint8Array;
  readonly file: Uint8Array;
  readonly state: FormState;
}

/**
 * A workspace whose user sees items with a form as this machine has them, while the space holds their full bodies.
 *
 * A capture is the difference between what was shown and what is found, laid on the full body. Pairs of full and local
 * bodies are noted before a capture and before an apply, and settled after it; the view decides which of them holds. So a
 * crash at any point neither loses a local edit nor invents one. The disappearance of such a file is no deletion.
 */
export function createFormsWorkspace(inner: Workspace, deps: FormsDeps): FormsWorkspace {
  const { forms, memory } = deps;
  /** What was last handed out to be put in place, by name. */
  const targets = new Map<string, { readonly digest: string; readonly pair: FormPair }>();
  /** Names of items with a part that waits for something else. */
  const waiting = new Set<string>();
  /** What stood in a file's place until a moment ago, by name: newest first. */
  const overwritten = new Map<string, { readonly until: number; readonly body: Uint8Array }[]>();
  /** What was looked at, by name, where nothing was to be done. */
  const settled = new Map<string, string>();
  const formOf = (item: Item): Form | undefined => forms.get(item.name);

  /** `null`: it was forgotten, and can be had nowhere any more. */
  async function readKept(item: Item, content: Content): Promise<Uint8Array | null> {
    try {
      return await inner.read(item, content);
    } catch (error) {
      if (error instanceof BodyUnavailable && (error.reason === 'erased' || error.reason === 'pruned')) return null;
      throw error;
    }
  }

  /** The pair that the view shows; the local body is found anew where none was noted. */
  async function shownPair(
    item: Item,
    view: View | undefined,
    document: FormDocument,
  ): Promise<{ full: Uint8Array | null; pair: FormPair | null; local: LocalForm & { readonly body: Uint8Array } } | null> {
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

  async function viewOf(item: Item): Promise<View | undefined> {
    return (await inner.views([item.name])).get(itemKey(item));
  }

  async function targetOf(item: Item, content: Content, view: View | undefined): Promise<Result<Target, string>> {
    const form = formOf(item) as Form;
    if ('link' in content.attributes) return fail('the space holds a link in its place');
    const full = await inner.read(item, content);
    const document = await memory.get(item.name);
    const shown = await shownPair(item, view, document);
    const wanted = form.show(full, shown?.local ?? { body: null, kept: document.kept }, await deps.contextOf(item));
    if (!wanted.ok) return fail(`the space holds what cannot be shown here: ${wanted.error}`);
    const file = form.embed(form.partial ? await deps.readLocal(item.name) : null, wanted.value.body);
    if (!file.ok) return fail(`the file here cannot be read: ${file.error}`);
    const part = form.extract(file.value, wanted.value.body);
    if (!part.ok) return fail(part.error);
    const { held, later, needs } = wanted.value;
    if (later.length === 0) waiting.delete(item.name);
    else waiting.add(item.name);
    return ok({ full, local: part.value, file: file.value, state: { item, held, later, needs, problem: null } });
  }

  function remember(item: Item, content: Content, target: Target): FormPair {
    const pair = { full: sha256Hex(target.full), local: textOf(target.local) };
    targets.set(item.name, { digest: content.digest, pair });
    return pair;
  }

  /** Sees to one item with a form; `null`: nothing is to be put in place of it. */
  async function due(item: Item, entry: Outstanding | undefined, view: View | undefined): Promise<Outstanding | null> {
    const form = formOf(item) as Form;
    if (entry === undefined && form.standsStill === true) return null;
    if (entry !== undefined && entry.content === null) {
      if (!form.partial) return entry;
      await inner.notHere([{ item, reason: 'was removed from the space; the file here belongs to this machine' }]);
      return null;
    }
    const content = entry?.content ?? view?.shown ?? null;
    if (content === null || (entry === undefined && view?.notHere !== null)) return null;
    const looked = `${content.digest} ${view?.local} ${deps.stamp()}`;
    if (entry === undefined && settled.get(item.name) === looked) return null;
    try {
      const target = await targetOf(item, content, view);
      if (!target.ok) return null;
      const document = await memory.get(item.name);
      const shown = await shownPair(item, view, document);
      // No file is made for nothing.
      if (shown === null && isNothing(target.value.local)) return null;
      if (shown === null || !equalBytes(shown.local.body, target.value.local)) {
        return entry ?? { item, content, shown: view?.shown ?? null, local: view?.local ?? null };
      }
      if (!waiting.has(item.name)) settled.set(item.name, looked);
      // Nothing changes here: the view moves on by itself.
      if (entry === undefined) return null;
      await memory.put(item.name, { ...document, before: shown.pair, shown: remember(item, content, target.value) });
      await inner.applied([{ item, content, local: entry.local }]);
      return null;
    } catch (error) {
      if (!(error instanceof BodyUnavailable)) throw error;
      return entry ?? null; // whoever reads it is told why it cannot be had
    }
  }

  /**
   * Claude Code reads its settings, changes them and writes them whole. What it wrote back just now as it was before is no
   * wish to have it so again.
   */
  function withoutStale(name: string, form: Form, shown: Uint8Array, now: Uint8Array): Uint8Array {
    const recent = (overwritten.get(name) ?? []).filter(({ until }) => deps.clock.now() < until);
    overwritten.set(name, recent);
    return recent.reduce((body, before) => form.rebase?.(before.body, shown, body) ?? body, now);
  }

  /** What a found local body is in the space; noted before it goes there. */
  async function toSpace(entry: Found & { readonly type: 'body' }, view: View | undefined): Promise<Result<Found, string>> {
    const { item } = entry;
    const form = formOf(item) as Form;
    const document = await memory.get(item.name);
    const { kept } = document;
    const intended = view?.intended?.content ?? null;
    if (intended !== null) {
      const full = await readKept(item, intended);
      const hash = full === null ? null : sha256Hex(full);
      for (const pair of [document.intended, document.shown]) {
        if (full === null || pair === null || pair.full !== hash) continue;
        const part = form.extract(entry.body, bytesOf(pair.local));
        if (!part.ok || !equalBytes(part.value, bytesOf(pair.local))) continue;
        await memory.put(item.name, { ...document, captured: pair });
        return ok({ ...entry, body: full, attributes: entry.attributes });
      }
    }
    const shown = await shownPair(item, view, document);
    const part = form.extract(entry.body, shown?.local.body ?? null);
    if (!part.ok) return fail(`cannot be read: ${part.error}`);
    // A file that comes back after it was gone takes nothing out.
    const base = view?.shown ?? (isNothing(part.value) ? await standing(item) : null);
    const full = shown?.full ?? (base === null ? null : await readKept(item, base));
    const now = shown === null ? part.value : withoutStale(item.name, form, shown.local.body, part.value);
    const laid = form.lay(full, shown?.local ?? { body: null, kept }, now, await deps.contextOf(item));
    if (!laid.ok) return fail(`cannot be read: ${laid.error}`);
    const captured = { full: sha256Hex(laid.value.full), local: textOf(part.value) };
    if (!isNoted(document, captured, laid.value.kept)) await memory.put(item.name, { ...document, captured, kept: laid.value.kept });
    return ok({ type: 'body', item, attributes: entry.attributes, body: laid.value.full, local: entry.local });
  }

  async function toSpaceNow(entry: Found & { readonly type: 'body' }, view: View | undefined): Promise<Result<Found, string>> {
    try {
      return await toSpace(entry, view);
    } catch (error) {
      if (error instanceof BodyUnavailable) return fail(`cannot be captured without what it was made from: ${error.message}`);
      throw error;
    }
  }

  /** What the space holds of an item that was not shown yet. */
  async function standing(item: Item): Promise<Content | null> {
    return (await inner.outstanding()).find((entry) => itemKey(entry.item) === itemKey(item))?.content ?? null;
  }

  async function settle(item: Item): Promise<void> {
    const document = await memory.get(item.name);
    if (document.captured === null) return; // as it was
    await memory.put(item.name, { ...document, shown: document.captured, captured: null, before: null, intended: null });
  }

  return {
    ...inner,
    async capture(found, note) {
      const views = await inner.views(found.map(({ item }) => item.name).filter((name) => forms.has(name)));
      const refused: { item: Item; reason: string }[] = [];
      const gone: Item[] = [];
      const captured: Found[] = [];
      for (const entry of found) {
        const view = views.get(itemKey(entry.item));
        if (formOf(entry.item) === undefined || entry.type === 'same') captured.push(entry);
        else if (entry.type === 'absent') {
          const wasRemoved = view?.intended !== null && view?.intended?.content === null;
          if (wasRemoved) captured.push(entry);
          else gone.push(entry.item);
        } else if (entry.type === 'tail') throw new Error(`${entry.item.name} has a form: its growth is not captured by itself`);
        else {
          const laid = await toSpaceNow(entry, view);
          if (laid.ok) captured.push(laid.value);
          else refused.push({ item: entry.item, reason: laid.error });
        }
        targets.delete(entry.item.name);
      }
      const report = await inner.capture(captured, note);
      const missed = new Set(report.refused.map(({ item }) => itemKey(item)));
      for (const { item, type } of captured)
        if (type === 'body' && formOf(item) !== undefined && !missed.has(itemKey(item))) await settle(item);
      if (gone.length > 0) await inner.notHere(gone.map((item) => ({ item, reason: 'was removed here; the space keeps it' })));
      return { ...report, refused: [...report.refused, ...refused] };
    },

    async outstanding() {
      const all = await inner.outstanding();
      const entries = new Map(all.filter(({ item }) => forms.has(item.name)).map((entry) => [itemKey(entry.item), entry]));
      const views = await inner.views([...forms.keys()]);
      const items = new Map([...entries.values(), ...views.values()].map(({ item }) => [itemKey(item), item]));
      const mine: Outstanding[] = [];
      for (const [key, item] of items) {
        if (!forms.has(item.name)) continue;
        const outstanding = await due(item, entries.get(key), views.get(key));
        if (outstanding !== null) mine.push(outstanding);
      }
      return [...all.filter(({ item }) => !forms.has(item.name)), ...mine];
    },

    async intend(items) {
      for (const { item, content } of items) {
        if (formOf(item) === undefined || content === null) continue;
        const known = targets.get(item.name);
        const target = known?.digest === content.digest ? null : await targetOf(item, content, await viewOf(item));
        if (target !== null && !target.ok) throw new Error(target.error);
        const pair = target === null ? known?.pair : remember(item, content, target.value);
        if (pair !== undefined) await memory.put(item.name, { ...(await memory.get(item.name)), intended: pair });
      }
      await inner.intend(items);
    },

    async applied(results) {
      for (const { item, content } of results) {
        const known = targets.get(item.name);
        if (formOf(item) === undefined || content === null || known?.digest !== content.digest) continue;
        const document = await memory.get(item.name);
        await memory.put(item.name, { ...document, before: document.shown, shown: known.pair, intended: null, captured: null });
        if (document.shown !== null && document.shown.local !== known.pair.local) {
          const before = { until: deps.clock.now() + STALE_MS, body: bytesOf(document.shown.local) };
          overwritten.set(item.name, [before, ...(overwritten.get(item.name) ?? []).slice(0, 9)]);
        }
      }
      await inner.applied(results);
      if (waiting.size > 0 && results.some(({ item }) => formOf(item) === undefined)) deps.onPlaced?.();
    },

    async read(item, content, offset) {
      if (formOf(item) === undefined) return inner.read(item, content, offset);
      const target = await targetOf(item, content, await viewOf(item));
      if (!target.ok) throw new BodyUnavailable('damaged', target.error);
      remember(item, content, target.value);
      return target.value.file.subarray(offset ?? 0);
    },

    async inspect() {
      const states: FormState[] = [];
      const entries = new Map((await inner.outstanding()).map((entry) => [itemKey(entry.item), entry]));
      const views = await inner.views([...forms.keys()]);
      for (const [key, { item }] of new Map<string, { readonly item: Item }>([...views, ...entries])) {
        const content = entries.has(key) ? entries.get(key)?.content : views.get(key)?.shown;
        if (formOf(item) === undefined || content === null || content === undefined) continue;
        try {
          const target = await targetOf(item, content, views.get(key));
          states.push(target.ok ? target.value.state : { item, held: [], later: [], needs: [], problem: target.error });
        } catch (error) {
          if (!(error instanceof BodyUnavailable)) throw error;
          states.push({ item, held: [], later: [], needs: [], problem: error.message });
        }
      }
      return states;
    },
  };
}

/** Whether this very pair is what was noted last: of a file of which only the rest changed. */
function isNoted(document: FormDocument, pair: FormPair, kept: KeptSecrets): boolean {
  const { shown, captured } = document;
  return (
    captured === null && shown?.full === pair.full && shown.local === pair.local && JSON.stringify(kept) === JSON.stringify(document.kept)
  );
}

/** A file that has nothing to say has no say in what the space holds. */
function isNothing(part: Uint8Array): boolean {
  return part.length < 100 && /^\s*\{\s*\}\s*$/.test(textOf(part));
}

function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text));
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}
