/** What one text holds and another does not. */
export interface Lacking {
  /** Of two JSON objects: members, `permissions → allow`, the outermost only, in the order of the text that has them. */
  readonly keys: readonly string[];
  /** Of other texts: lines. */
  readonly lines: number;
}

/** What `before` holds, and `after` does not. Members of another value are not lacking. O(size of both). */
export function lackingIn(after: string, before: string): Lacking {
  const [held, taken] = [objectOf(before), objectOf(after)];
  if (held !== null && taken !== null) return { keys: missingMembers(taken, held, []), lines: 0 };
  const left = new Map<string, number>();
  for (const line of linesOf(after)) left.set(line, (left.get(line) ?? 0) + 1);
  let lines = 0;
  for (const line of linesOf(before)) {
    const count = left.get(line) ?? 0;
    if (count === 0) lines += 1;
    else left.set(line, count - 1);
  }
  return { keys: [], lines };
}

export function lacksNothing({ keys, lines }: Lacking): boolean {
  return keys.length === 0 && lines === 0;
}

type Members = Readonly<Record<string, unknown>>;

function missingMembers(taken: Members, held: Members, place: readonly string[]): string[] {
  return Object.entries(held).flatMap(([key, value]) => {
    const at = [...place, key];
    if (!Object.hasOwn(taken, key)) return [at.join(' → ')];
    const inner = taken[key];
    return isObject(value) && isObject(inner) ? missingMembers(inner, value, at) : [];
  });
}

function objectOf(text: string): Members | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null; // text of another kind
  }
}

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function linesOf(text: string): string[] {
  return text.split(/\r?\n/).filter((line) => line.trim() !== '');
}
