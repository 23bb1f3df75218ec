import { createRequire } from 'node:module';
import type { LogLevel } from '../config/schema.ts';
import type { HubLog } from '../gateways/native/hub-app.ts';
import { createLogFile } from './log-file.ts';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
/** Rank of each setting: what is logged has at least this one. */
const RANK: Readonly<Record<LogLevel, number>> = { trace: 0, debug: 0, info: 1, warn: 2, error: 3, silent: 4 };

/** The node's log, JSON lines in a {@link createLogFile}. Opened with its first line: most commands have nothing to say. */
export function createNodeLog(file: string, level: LogLevel): HubLog {
  let opened: HubLog | null = null;
  const open = (): HubLog => {
    const { pino } = createRequire(import.meta.url)('pino') as typeof import('pino');
    return (opened ??= pino({ level, base: null }, createLogFile(file)));
  };
  const method =
    (name: (typeof LEVELS)[number], rank: number) =>
    (...line: unknown[]): void => {
      if (rank < RANK[level]) return;
      const log = opened ?? open();
      (log[name] as (...line: unknown[]) => void)(...line);
    };
  return Object.fromEntries(LEVELS.map((name, rank) => [name, method(name, rank)])) as unknown as HubLog;
}
