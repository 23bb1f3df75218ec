import type { Clock } from '../core/ports/clock.ts';
import { formatBytes, formatDuration } from './output-style.ts';
import { textWidth } from './output-table.ts';

/** `time`: milliseconds that passed, where nothing else is known. */
export type ProgressUnit = 'bytes' | 'items' | 'time';

/** What a command tells of its way. Calls are cheap; drawing is limited to ten times a second. */
export interface Progress {
  /** Begins a part: `total` in `unit`, or null where it is not known. Ends the part before. */
  start(label: string, total: number | null, unit?: ProgressUnit): void;
  /** How much of the part is done, from its start on. */
  update(done: number): void;
  /** Takes the bar away. Harmless when there is none. */
  stop(): void;
}

export interface ProgressDeps {
  readonly clock: Pick<Clock, 'now'>;
  readonly write: (text: string) => void;
  /** Columns of the terminal now. */
  readonly columns: () => number;
}

export const SILENT_PROGRESS: Progress = { start() {}, update() {}, stop() {} };

const DRAW_EVERY_MS = 100;
/** What is done sooner than this shows no bar. */
const FIRST_DRAW_MS = 300;
/** The rate is that of about the last three seconds. */
const RATE_WINDOW_MS = 3000;
const BAR = 20;

/** A bar on one line of a terminal: label, bar, percent, amount, rate, time left. */
export function createProgress({ clock, write, columns }: ProgressDeps): Progress {
  let part: { label: string; total: number | null; unit: ProgressUnit; began: number } | null = null;
  let rate: number | null = null;
  let last = { at: 0, done: 0 };
  let drawn = false;

  function erase(): void {
    if (drawn) write('\r\u001b[K');
    drawn = false;
  }

  return {
    start(label, total, unit = 'items') {
      const now = clock.now();
      part = { label, total, unit, began: now };
      rate = null;
      last = { at: now, done: 0 };
    },
    update(done) {
      if (part === null) return;
      const now = clock.now();
      const elapsed = now - last.at;
      // A clock that was set back must not silence the bar.
      if (elapsed >= 0 && (elapsed < DRAW_EVERY_MS || now - part.began < FIRST_DRAW_MS)) return;
      if (elapsed > 0) {
        const recent = Math.max(0, done - last.done) / elapsed;
        const weight = 1 - Math.exp(-elapsed / RATE_WINDOW_MS);
        rate = rate === null ? recent : rate + (recent - rate) * weight;
      }
      last = { at: now, done };
      write(`\r${fit(lineOf(part, done, rate), columns() - 1)}\u001b[K`);
      drawn = true;
    },
    stop() {
      part = null;
      erase();
    },
  };
}

function lineOf(part: { label: string; total: number | null; unit: ProgressUnit }, done: number, rate: number | null): string {
  const amount = (value: number): string => {
    const whole = Math.round(value);
    if (part.unit === 'time') return formatDuration(whole);
    return part.unit === 'bytes' ? formatBytes(whole) : String(whole);
  };
  const words = [part.label];
  if (part.total === null) words.push(amount(done));
  else {
    const share = part.total === 0 ? 1 : Math.min(1, done / part.total);
    const filled = Math.floor(share * BAR);
    words.push(`[${'#'.repeat(filled)}${'-'.repeat(BAR - filled)}]`, `${String(Math.floor(share * 100)).padStart(3)}%`);
    words.push(`${amount(done)} of ${amount(part.total)}`);
  }
  if (rate !== null && rate > 0 && part.unit !== 'time') {
    words.push(`${amount(rate * 1000)}/s`);
    const left = part.total === null ? 0 : part.total - done;
    if (left > 0) words.push(`${formatDuration(Math.max(1000, Math.round(left / rate / 1000) * 1000))} left`);
  }
  return words.join('  ');
}

/** Cut so that the line never wraps: a wrapped one could not be drawn over. */
function fit(line: string, width: number): string {
  let text = line;
  while (text !== '' && textWidth(text) > width) text = text.slice(0, -1);
  return text;
}
