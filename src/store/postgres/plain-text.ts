/**
 * PostgreSQL keeps no U+0000 in a text. It is written as U+0001 U+0001, and U+0001 as U+0001 U+0002: what sorted before or
 * began with another text still does. Everything else stays as it is.
 */
export function toPlainText(text: string): string {
  return SPECIAL.test(text) ? text.replace(ALL_SPECIAL, (each) => (each === '\u0000' ? '\u0001\u0001' : '\u0001\u0002')) : text;
}

export function fromPlainText(text: string): string {
  return text.includes('\u0001') ? text.replace(ESCAPED, (each) => (each === '\u0001\u0001' ? '\u0000' : '\u0001')) : text;
}

const SPECIAL = /[\u0000\u0001]/;
const ALL_SPECIAL = /[\u0000\u0001]/g;
const ESCAPED = /\u0001[\u0001\u0002]/g;
