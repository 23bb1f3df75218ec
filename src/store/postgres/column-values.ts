import { types } from 'pg';
import { fromPlainText } from './plain-text.ts';

/** Numbers of PostgreSQL's types (`pg_type.oid`), which never change. */
const INT8 = 20;
const TEXT = 25;
const NUMERIC = 1700;

type Parser = (value: string) => unknown;

/** pg types it by a list of numbers, which is not complete. */
const known = types as unknown as { getTypeParser(type: number, format?: string): Parser };

/** What columns are in JavaScript: all integers are numbers, checked, since pg itself gives 64-bit ones as texts. */
export const columnValues = {
  getTypeParser(type: number, format?: 'text' | 'binary'): Parser {
    if (format !== 'binary') {
      if (type === INT8 || type === NUMERIC) return safeInteger;
      if (type === TEXT) return fromPlainText;
    }
    return known.getTypeParser(type, format);
  },
};

function safeInteger(value: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new RangeError(`the database holds ${value}, which is no whole number below 2^53`);
  return number;
}
