const LONGEST = 64;

/** A machine's name as no other one has it: `laptop`, `laptop-2`, `laptop-3`. `taken` in lower case. */
export function uniqueName(wanted: string, taken: ReadonlySet<string>): string {
  let name = wanted;
  for (let number = 2; taken.has(name.toLowerCase()); number += 1) {
    const suffix = `-${number}`;
    name = `${wanted.slice(0, LONGEST - suffix.length)}${suffix}`;
  }
  return name;
}

/** Behind the name of a machine that left: it stays a reader until another owner revokes it, which it cannot do to itself. */
export const LEFT = ' (left)';

/** Names that a new machine is not given, in lower case: also those of machines that left or were revoked, which the history goes on naming. */
export function takenNames(names: Iterable<string>): Set<string> {
  const taken = new Set<string>();
  for (const name of names) {
    const lower = name.toLowerCase();
    taken.add(lower);
    if (lower.endsWith(LEFT)) taken.add(lower.slice(0, -LEFT.length));
  }
  return taken;
}
