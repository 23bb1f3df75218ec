import { fail, ok, type Result } from '../core/result.ts';

const UNITS: Readonly<Record<string, number>> = { h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const FORMS = 'expected 2026-11-21, 2026-11-21T14:05, or so long ago: 12h, 7d, 2w';

/**
 * A time as one types it, milliseconds since 1970: a date or time in this machine's zone, ISO 8601 with a zone, or so long before `now`.
 * `isEnd`: a day ends with its last moment (exclusive).
 */
export function parseDate(text: string, now: number, isEnd: boolean): Result<number, string> {
  const [, count, unit] = /^(\d{1,5})([hdw])$/.exec(text) ?? [];
  if (count !== undefined && unit !== undefined) return ok(now - Number(count) * (UNITS[unit] as number));
  const [, year, month, day] = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text) ?? [];
  if (year !== undefined) {
    const date = new Date(Number(year), Number(month) - 1, Number(day) + (isEnd ? 1 : 0));
    const same = new Date(Number(year), Number(month) - 1, Number(day));
    return same.getMonth() === Number(month) - 1 && same.getDate() === Number(day) ? ok(date.getTime()) : fail(`there is no day ${text}`);
  }
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})?$/.test(text)) return fail(FORMS);
  const time = Date.parse(text);
  return Number.isNaN(time) ? fail(FORMS) : ok(time);
}
