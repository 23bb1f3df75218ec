/** `1 item`, `2 items`, `1 body`, `2 bodies`, `1 file is`, `2 files are`. */
export function counted(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}

const NAMED = 3;

/** `ana`, `ana and bea`, `ana, bea and cem`, `ana, bea, cem and 2 more`. */
export function namedShortly(names: readonly string[]): string {
  const few = names.slice(0, NAMED);
  const last = names.length > NAMED ? `${names.length - NAMED} more` : few.pop();
  return few.length === 0 ? (last ?? '') : `${few.join(', ')} and ${last}`;
}
