const DECIMAL = /^(?:0|[1-9][0-9]{0,19})$/;
const MOST = 18_446_744_073_709_551_615n;

/** Whether a value is an unsigned 64-bit number as a decimal string, as sequences, revisions and epochs are. */
export function isDecimal(value: unknown): value is string {
  return typeof value === 'string' && DECIMAL.test(value) && (value.length < 20 || BigInt(value) <= MOST);
}

/** Positive, 0 or negative, as `a` is greater, equal or less. Both are decimals. */
export function compareDecimals(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  return a === b ? 0 : a < b ? -1 : 1;
}
