import { formatDuration } from './output-style.ts';

const DAY = 86_400_000;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** A time for people, by this machine's clock and zone: `14:05` today, `21 Nov 14:05` this year, else `21 Nov 2025 14:05`. */
export function shownTime(iso: string, now: number): string {
  const [time, today] = [new Date(iso), new Date(now)];
  const clock = `${String(time.getHours()).padStart(2, '0')}:${String(time.getMinutes()).padStart(2, '0')}`;
  if (time.toDateString() === today.toDateString()) return clock;
  const day = `${time.getDate()} ${MONTHS[time.getMonth()]}`;
  return time.getFullYear() === today.getFullYear() ? `${day} ${clock}` : `${day} ${time.getFullYear()} ${clock}`;
}

/** Milliseconds since 1970, as `14:05:31`: of what is about to be. */
export function shownSecond(at: number): string {
  const time = new Date(at);
  return [time.getHours(), time.getMinutes(), time.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
}

/** `6 s ago`, `3 h 20 min ago`; from a day on the time itself. */
export function shownAgo(iso: string, now: number): string {
  const ms = now - Date.parse(iso);
  return ms < 0 || ms >= DAY ? `at ${shownTime(iso, now)}` : `${formatDuration(ms)} ago`;
}

/** `in 10 min, at 14:05`. */
export function shownUntil(iso: string, now: number): string {
  // To the second: it was ten minutes a moment ago.
  const left = Math.round(Math.max(0, Date.parse(iso) - now) / 5_000) * 5_000;
  return `in ${formatDuration(left)}, at ${shownTime(iso, now)}`;
}
