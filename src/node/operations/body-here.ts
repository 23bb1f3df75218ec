import type { OpenSpace } from '../node.ts';
import { readBody, type VersionAt } from './versions.ts';

/** What a version holds, for a reader at this machine. */
export interface BodyHere {
  readonly body: Uint8Array;
  /** JSON pointers to secrets, which stay where they were written: the body is without them. */
  readonly leftOut: readonly string[];
  /** Projects without a place on this machine, whose part it is without. */
  readonly placeless: readonly string[];
}

/**
 * With this machine's paths, where such items have a form of each machine; else, and where `raw`, as the space holds it. `null` where it
 * was deleted. Throws OperationFailure where it cannot be had.
 */
export async function bodyHere(open: OpenSpace, { item, content }: VersionAt, raw: boolean): Promise<BodyHere | null> {
  if (content === null) return null;
  const stored = await readBody(open, content);
  for (const { forms } of raw ? [] : open.sources) {
    const rendered = (await forms?.render(item, stored)) ?? null;
    if (rendered !== null) return rendered;
  }
  return { body: stored, leftOut: [], placeless: [] };
}

/** `null` for what is no UTF-8 text. */
export function textOf(body: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return null;
  }
}
