/** `1 item`, `2 items`, `1 body`, `2 bodies`. */
export function counted(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}
