import type { Content } from '../../core/content.ts';
import { equalBytes, sha256Hex } from '../../core/crypto/hash.ts';
import { itemKey, type Item } from '../../core/item.ts';
import type { View } from '../../core/ports/store.ts';
import { BodyUnavailable, type Found, type Workspace } from '../../core/replica/workspace.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import type { Form, KeptSecrets } from '../../kinds/claude-home/form.ts';
import type { FormsDeps } from './form-deps.ts';
import type { FormDocument, FormPair } from './form-memory.ts';
import { bytesOf, isNothing, textOf, type FormReader } from './form-reader.ts';

/** Milliseconds in which a writer that had read a file before it was written over may still write what it made of that. */
const STALE_MS = 2_000;

type FoundBody = Found & { readonly type: 'body' };

export interface FormCapture {
  /** What a found local body is in the space; noted before it goes there. Fails with why it is not captured now. */
  toSpace(entry: FoundBody, view: View | undefined): Promise<Result<Found, string>>;
  /** It is in the space. */
  settle(item: Item): Promise<void>;
  /** A local body was written over by an apply. */
  wroteOver(name: string, body: string): void;
}

export function createFormCapture(inner: Workspace, reader: FormReader, deps: FormsDeps): FormCapture {
  const { memory } = deps;
  /** What stood in a file's place until a moment ago, by name: newest first. */
  const overwritten = new Map<string, { readonly until: number; readonly body: Uint8Array }[]>();

  /**
   * Claude Code reads its settings, changes them and writes them whole. What it wrote back just now as it was before is no
   * wish to have it so again.
   */
  function withoutStale(name: string, form: Form, shown: Uint8Array, now: Uint8Array): Uint8Array {
    const recent = (overwritten.get(name) ?? []).filter(({ until }) => deps.clock.now() < until);
    overwritten.set(name, recent);
    return recent.reduce((body, before) => form.rebase?.(before.body, shown, body) ?? body, now);
  }

  async function toSpace(entry: FoundBody, view: View | undefined): Promise<Result<Found, string>> {
    const { item } = entry;
    const form = reader.formOf(item) as Form;
    const document = await memory.get(item.name);
    const { kept } = document;
    const intended = view?.intended?.content ?? null;
    if (intended !== null) {
      const full = await reader.readKept(item, intended);
      const hash = full === null ? null : sha256Hex(full);
      for (const pair of [document.intended, document.shown]) {
        if (full === null || pair === null || pair.full !== hash) continue;
        const part = form.extract(entry.body, bytesOf(pair.local));
        if (!part.ok || !equalBytes(part.value, bytesOf(pair.local))) continue;
        await memory.put(item.name, { ...document, captured: pair });
        return ok({ ...entry, body: full, attributes: entry.attributes });
      }
    }
    const shown = await reader.shownForm(item, view, document);
    const part = form.extract(entry.body, shown?.local.body ?? null);
    if (!part.ok) return fail(`cannot be read: ${part.error}`);
    // A file that comes back after it was gone takes nothing out.
    const base = view?.shown ?? (isNothing(part.value) ? await standing(item) : null);
    const full = shown?.full ?? (base === null ? null : await reader.readKept(item, base));
    const now = shown === null ? part.value : withoutStale(item.name, form, shown.local.body, part.value);
    const isSame = shown !== null && equalBytes(shown.local.body, now);
    const newest = isSame || form.standsStill === true ? null : await standing(item);
    const context = { ...(await deps.contextOf(item)), standing: newest === null ? null : await reader.readKept(item, newest) };
    const laid = form.lay(full, shown?.local ?? { body: null, kept }, now, context);
    if (!laid.ok) return fail(`cannot be read: ${laid.error}`);
    const captured = { full: sha256Hex(laid.value.full), local: textOf(part.value) };
    if (!isNoted(document, captured, laid.value.kept)) await memory.put(item.name, { ...document, captured, kept: laid.value.kept });
    return ok({ type: 'body', item, attributes: entry.attributes, body: laid.value.full, local: entry.local });
  }

  async function toSpaceNow(entry: FoundBody, view: View | undefined): Promise<Result<Found, string>> {
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
    toSpace: toSpaceNow,
    settle,
    wroteOver(name, body) {
      const before = { until: deps.clock.now() + STALE_MS, body: bytesOf(body) };
      overwritten.set(name, [before, ...(overwritten.get(name) ?? []).slice(0, 9)]);
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
