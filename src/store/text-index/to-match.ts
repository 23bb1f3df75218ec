import type { SearchTerm } from '../../core/ports/text-index.ts';
import { toExpression, type SearchExpression } from './search-expression.ts';

/**
 * The expression that FTS5 understands; `null` where no term holds a word. What the query holds never gets into it but as quoted words of
 * letters and digits.
 */
export function toMatch(terms: readonly SearchTerm[], match: 'all' | 'some'): string | null {
  const expression = toExpression(terms, match);
  return expression === null ? null : print(expression, true);
}

function print(expression: SearchExpression, isOuter: boolean): string {
  if (expression.type === 'phrase') return `"${expression.words.join(' ')}"${expression.isBeginning ? '*' : ''}`;
  const text = expression.parts.map((part) => print(part, false)).join(expression.type === 'all' ? ' AND ' : ' OR ');
  return isOuter ? text : `(${text})`;
}
