import type { Content } from '../../core/content.ts';
import { equalBytes, sha256Hex } from '../../core/crypto/hash.ts';
import { itemKey, type Item } from '../../core/item.ts';
import type { View } from '../../core/ports/store.ts';
import { BodyUnavailable, type Found, type Outstanding, type Workspace } from '../../core/replica/workspace.ts';
import type { Form } from '../../kinds/claude-home/form.ts';
import { keptTextsOf } from '../../kinds/claude-home/secret-places.ts';
import { createFormCapture } from './form-capture.ts';
import type { FormsDeps, FormState } from './form-deps.ts';
import type { FormPair } from './form-memory.ts';
import { createFormReader, isNothing, textOf, type FormTarget } from './form-reader.ts';

export interface RenderedForm {
  readonly body: Uint8Array;
  /** Pointers to the secrets that it is without. */
  readonly leftOut: readonly string[];
  /** Projects without a place here, whose part it is without. */
  readonly placeless: readonly string[];
}

export interface FormsWorkspace extends Workspace {
  /** Of all items with a form that the space holds. Reads their bodies. */
  inspect(): Promise<FormState[]>;
  /**
   * A version of an item as this machine would have it, with its own paths, whatever waits for an answer or went from here, and without
   * any secret. `null`: it has no form, or cannot be shown by it.
   */
  render(item: Item, full: Uint8Array): Promise<RenderedForm | null>;
  /** Texts in the file of an item that stay on this machine for where they stand, whatever they look like. */
  keptTexts(item: Item): Promise<readonly string[]>;
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
  const reader = createFormReader(inner, deps);
  const captures = createFormCapture(inner, reader, deps);
  /** What was last handed out to be put in place, by name. */
  const targets = new Map<string, { readonly digest: string; readonly pair: FormPair; readonly placeless: readonly string[] }>();
  /** What was looked at, by name, where nothing was to be done. */
  const settled = new Map<string, string>();
  /** The same of what is outstanding, and of which this machine has nothing to show. */
  const empty = new Map<string, string>();

  function remember(item: Item, content: Content, target: FormTarget): FormPair {
    const pair = { full: sha256Hex(target.full), local: textOf(target.local) };
    targets.set(item.name, { digest: content.digest, pair, placeless: target.placeless });
    return pair;
  }

  /** Of a form that stands still. `null` until an apply of it ended: so a crash leaves nothing out for good. */
  async function notePlaceless(item: Item, projects: readonly string[] | null): Promise<void> {
    if (reader.formOf(item)?.standsStill === true) await memory.putPlaceless(item.name, projects);
  }

  /** Whether more of a form that stands still can be shown than was, since a project has a place by now. */
  async function showsMore(item: Item): Promise<boolean> {
    const placeless = await memory.placeless(item.name);
    if (placeless === null) return true;
    if (placeless.length === 0) return false;
    const { projects } = await deps.contextOf(item);
    return placeless.some((project) => (projects?.pathOf(project) ?? null) !== null);
  }

  /** Sees to one item with a form; `null`: nothing is to be put in place of it. */
  async function due(item: Item, entry: Outstanding | undefined, view: View | undefined): Promise<Outstanding | null> {
    const form = reader.formOf(item) as Form;
    if (entry !== undefined && entry.content === null) {
      if (!form.partial) return entry;
      await inner.notHere([{ item, reason: 'was removed from the space; the file here belongs to this machine' }]);
      return null;
    }
    const content = entry?.content ?? view?.shown ?? null;
    if (content === null || (entry === undefined && view?.notHere !== null)) return null;
    const looked = `${content.digest} ${view?.local} ${deps.stamp()}`;
    if (entry === undefined && settled.get(item.name) === looked) return null;
    if (entry === undefined && form.standsStill === true && !(await showsMore(item))) {
      settled.set(item.name, looked);
      return null;
    }
    if (entry !== undefined && empty.get(item.name) === looked) return null;
    try {
      const target = await reader.targetOf(item, content, view);
      if (!target.ok) return null;
      const { document, shown } = target.value;
      // No file is made for nothing.
      if (shown === null && (target.value.local.length === 0 || isNothing(target.value.local))) {
        if (!reader.isWaiting(item.name)) empty.set(item.name, looked);
        return null;
      }
      if (shown === null || !equalBytes(shown.local.body, target.value.local)) {
        return entry ?? { item, content, shown: view?.shown ?? null, local: view?.local ?? null };
      }
      if (!reader.isWaiting(item.name)) settled.set(item.name, looked);
      await notePlaceless(item, target.value.placeless);
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

  return {
    ...inner,
    async capture(found, note) {
      const views = await inner.views(found.map(({ item }) => item.name).filter((name) => forms.has(name)));
      const refused: { item: Item; reason: string; unfit: true }[] = [];
      const gone: Item[] = [];
      const captured: Found[] = [];
      for (const entry of found) {
        const view = views.get(itemKey(entry.item));
        if (reader.formOf(entry.item) === undefined || entry.type === 'same') captured.push(entry);
        else if (entry.type === 'absent') {
          const wasRemoved = view?.intended !== null && view?.intended?.content === null;
          if (wasRemoved) captured.push(entry);
          else gone.push(entry.item);
        } else if (entry.type === 'tail') throw new Error(`${entry.item.name} has a form: its growth is not captured by itself`);
        else {
          const laid = await captures.toSpace(entry, view);
          if (laid.ok) captured.push(laid.value);
          else refused.push({ item: entry.item, reason: laid.error, unfit: true });
        }
        targets.delete(entry.item.name);
      }
      const report = await inner.capture(captured, note);
      const missed = new Set(report.refused.map(({ item }) => itemKey(item)));
      for (const { item, type } of captured)
        if (type === 'body' && reader.formOf(item) !== undefined && !missed.has(itemKey(item))) await captures.settle(item);
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
        if (reader.formOf(item) === undefined || content === null) continue;
        const known = targets.get(item.name);
        const target = known?.digest === content.digest ? null : await reader.targetOf(item, content, await reader.viewOf(item));
        if (target !== null && !target.ok) throw new Error(target.error);
        const pair = target === null ? known?.pair : remember(item, content, target.value);
        if (pair !== undefined) await memory.put(item.name, { ...(await memory.get(item.name)), intended: pair });
        await notePlaceless(item, null);
      }
      await inner.intend(items);
    },

    async applied(results) {
      for (const { item, content } of results) {
        const known = targets.get(item.name);
        if (reader.formOf(item) === undefined || content === null || known?.digest !== content.digest) continue;
        const document = await memory.get(item.name);
        await memory.put(item.name, { ...document, before: document.shown, shown: known.pair, intended: null, captured: null });
        await notePlaceless(item, known.placeless);
        if (document.shown !== null && document.shown.local !== known.pair.local) {
          captures.wroteOver(item.name, document.shown.local);
        }
      }
      await inner.applied(results);
      if (reader.isWaiting() && results.some(({ item }) => reader.formOf(item) === undefined)) deps.onPlaced?.();
    },

    async read(item, content, offset) {
      if (reader.formOf(item) === undefined) return inner.read(item, content, offset);
      const target = await reader.targetOf(item, content, await reader.viewOf(item));
      if (!target.ok) throw new BodyUnavailable('damaged', target.error);
      remember(item, content, target.value);
      return target.value.file.subarray(offset ?? 0);
    },

    async render(item, full) {
      const form = reader.formOf(item);
      if (form === undefined) return null;
      const context = { ...(await deps.contextOf(item)), admit: () => 'yes' as const };
      const shown = form.show(full, { body: null, kept: {} }, context);
      return shown.ok ? { body: shown.value.body, leftOut: shown.value.needs, placeless: shown.value.placeless ?? [] } : null;
    },

    async keptTexts(item) {
      const form = reader.formOf(item);
      // Of typed lines other things are kept than secrets.
      if (form === undefined || form.standsStill === true) return [];
      return keptTextsOf((await memory.get(item.name)).kept);
    },

    async inspect() {
      const states: FormState[] = [];
      const entries = new Map((await inner.outstanding()).map((entry) => [itemKey(entry.item), entry]));
      const views = await inner.views([...forms.keys()]);
      for (const [key, { item }] of new Map<string, { readonly item: Item }>([...views, ...entries])) {
        const content = entries.has(key) ? entries.get(key)?.content : views.get(key)?.shown;
        if (reader.formOf(item) === undefined || content === null || content === undefined) continue;
        try {
          const target = await reader.targetOf(item, content, views.get(key));
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
