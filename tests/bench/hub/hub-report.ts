import type { HubReport, HubRow } from './bench-hub.ts';
import { HUB_KINDS } from './hub-peer.ts';
import { percentile } from './measured.ts';

/** Tables in Markdown, of the medians of all rounds. */
export function hubReportToText({ rows, long, lateJoin, turnedAway }: HubReport): string {
  const loads = [...new Set(rows.map(({ load }) => load))];
  const lines = [
    '| | | a second | p50, p95 ms | CPU ms each: hub, database, clients | MB: hub, at most, database |',
    '|---|---|---|---|---|---|',
  ];
  for (const load of loads) {
    for (const kind of HUB_KINDS) {
      const same = rows.filter((row) => row.load === load && row.kind === kind);
      const [first] = same;
      if (first === undefined) continue;
      const median = (of: (row: HubRow) => number | undefined, digits = 0): string => {
        const values = same.map(of).filter((value) => value !== undefined);
        return values.length === 0 ? '' : percentile(values, 0.5).toFixed(digits);
      };
      const more = Object.keys(first.more ?? {}).map((name) => `, ${name} ${median((row) => row.more?.[name], 1)}`);
      lines.push(
        `| ${load} | ${kind} | ${median((row) => row.perSecond)} ${first.unit}${more.join('')} | ${first.p50 === undefined ? '' : `${median((row) => row.p50, 1)}, ${median((row) => row.p95, 1)}`} ` +
          `| ${median((row) => row.hubCpu, 2)}, ${median((row) => row.databaseCpu, 2)}, ${median((row) => row.clientCpu, 2)} ` +
          `| ${median((row) => row.hubMegabytes)}, ${median((row) => row.hubPeakMegabytes)}, ${median((row) => row.databaseMegabytes)} |`,
      );
    }
  }
  for (const [reason, times] of Object.entries(turnedAway)) lines.push('', `${times} requests were sent again: ${reason}`);
  if (long.length === 0) return lines.join('\n');
  const megabytes = (bytes: number | null): string => (bytes === null ? 'elsewhere' : `${(bytes / 1e6).toFixed(1)} MB`);
  lines.push(
    '',
    '| a log of | | a commit at its beginning, at its end: CPU ms | p50 ms | 1,000 at once: CPU ms | the last 1,000 read: CPU ms, ms | logs, bodies | MB of the hub | start: s, s of CPU |',
    '|---|---|---|---|---|---|---|---|---|',
  );
  for (const log of long) {
    lines.push(
      `| ${log.records} | ${log.kind} | ${log.first.cpu.toFixed(2)}, ${log.last.cpu.toFixed(2)} | ${log.first.p50.toFixed(1)}, ${log.last.p50.toFixed(1)} ` +
        `| ${log.segmentCpu.first.toFixed(0)}, ${log.segmentCpu.last.toFixed(0)} | ${log.pull.cpu.toFixed(0)}, ${log.pull.ms.toFixed(0)} ` +
        `| ${megabytes(log.disk.store)}, ${megabytes(log.disk.bodies)} | ${log.memory.hubMegabytes} | ${log.restart.seconds.toFixed(1)}, ${log.restart.cpu.toFixed(1)} |`,
    );
  }
  if (lateJoin === null) return lines.join('\n');
  lines.push('', '| a machine of that space | s | s of CPU | MB at most |', '|---|---|---|---|');
  for (const [what, took] of Object.entries(lateJoin))
    lines.push(`| ${what} | ${took.seconds.toFixed(1)} | ${took.cpu.toFixed(1)} | ${took.peakMegabytes} |`);
  return lines.join('\n');
}
