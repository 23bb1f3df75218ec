/** `1 item`, `2 items`, `1 body`, `2 bodies`, `1 file is`, `2 files are`. */
export function counted(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}
