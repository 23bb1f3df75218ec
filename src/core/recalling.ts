/**
 * The same answers as `look`, which must be pure, looked up once for as long as few others are asked for: where more than `most` are
 * known, all are forgotten. Cost: O(1) for what is known.
 */
export function recalling<T>(look: (name: string) => T, most: number): (name: string) => T {
  const known = new Map<string, T>();
  return (name) => {
    const before = known.get(name);
    if (before !== undefined) return before;
    if (known.size >= most) known.clear();
    const found = look(name);
    known.set(name, found);
    return found;
  };
}
