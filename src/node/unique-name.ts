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
