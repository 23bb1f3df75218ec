const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,15}))?$/;

/** Long enough for every number that means one. */
const LONGEST = 1_000;

/**
 * One spelling for each value of a JSON number, exact at any size: `1`, `1.0` and `10e-1` are equal, and
 * `12345678901234567890` and `12345678901234567891` are not. `-0` differs from `0`, as in JavaScript. A literal
 * of more than {@link LONGEST} characters, or an exponent of more than 15 digits, stands for itself. Cost: O(length).
 */
export function canonicalNumber(literal: string): string {
  if (literal.length > LONGEST) return literal;
  const [matched, sign = '', whole = '', fraction = '', exponent = '0'] = NUMBER.exec(literal) ?? [];
  if (matched === undefined) return literal;
  const digits = whole + fraction;
  let from = 0;
  while (digits[from] === '0') from++;
  let to = digits.length;
  while (to > from && digits[to - 1] === '0') to--;
  if (from === to) return `${sign}0`;
  return `${sign}${digits.slice(from, to)}e${Number(exponent) - fraction.length + (digits.length - to)}`;
}
