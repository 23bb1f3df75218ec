import { BATCH, BATCH_PLACES, type BatchRate } from './batches.ts';
import type { HubReport, HubRow } from './bench-hub.ts';
import { HUB_KINDS } from './hub-peer.ts';
import { percentile } from './measured.ts';

/** Tables in Markdown, of the medians of all rounds. */
export function hubReportToText({ rows, batches, long, restarts, lateJoin, fresh, turnedAway }: HubReport): string {
  const loads = [...new Set(rows.map(({ load }) => load))];
  const lines =
    rows.length === 0
      ? []
      : ['| | | a second | p50, p95 ms | CPU ms each: hub, database, clients | MB: hub, at most, database |', '|---|---|---|---|---|---|'];
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
  if (batches.length > 0) {
    lines.push('', `| changes a second, ${BATCH} to an append | ${BATCH_PLACES.join(' | ')} |`, '|---|---|---|---|');
    for (const kind of HUB_KINDS) {
      const ratesOf = (place: string): readonly BatchRate[] => batches.filter((rate) => rate.kind === kind && rate.place === place);
      const raw = new Map(ratesOf('raw inserts').map(({ round, perSecond }) => [round, perSecond]));
      const cells = BATCH_PLACES.map((place) => {
        const rates = ratesOf(place);
        if (rates.length === 0) return '';
        const rate = percentile(
          rates.map(({ perSecond }) => perSecond),
          0.5,
        ).toFixed(0);
        // Beside the raw inserts of the same turn: what else the machine does differs from turn to turn.
        const ratios = rates
          .map(({ round, perSecond }) => perSecond / (raw.get(round) ?? Number.NaN))
          .filter((ratio) => !Number.isNaN(ratio));
        return ratios.length === 0 ? rate : `${rate} (${percentile(ratios, 0.5).toFixed(2)} ×)`;
      });
      if (cells.some((cell) => cell !== '')) lines.push(`| ${kind} | ${cells.join(' | ')} |`);
    }
  }
  for (const [reason, times] of Object.entries(turnedAway)) lines.push('', `${times} requests were sent again: ${reason}`);
  for (const { changes, perCommit, items, ...steps } of fresh) {
    lines.push('', `| ${changes} changes of ${items} items, ${perCommit} to a commit | s | s of CPU | MB at most |`, '|---|---|---|---|');
    for (const [step, { seconds, cpu, peakMegabytes }] of Object.entries(steps))
      lines.push(`| ${step} | ${seconds.toFixed(1)} | ${cpu.toFixed(1)} | ${peakMegabytes} |`);
  }
  if (long.length === 0) return lines.join('\n');
  const megabytes = (bytes: number | null): string => (bytes === null ? 'elsewhere' : `${(bytes / 1e6).toFixed(1)} MB`);
  lines.push(
    '',
    '| a log of | | one commit: p50 ms, CPU ms | 1,000 in one append: CPU ms | its last 1,000 read: ms, CPU ms | logs, bodies | MB: hub, database |',
    '|---|---|---|---|---|---|---|',
  );
  for (const { kind, records, single, segmentCpu, pull, disk, memory } of long) {
    lines.push(
      `| ${records} | ${kind} | ${single.p50.toFixed(1)}, ${single.cpu.toFixed(1)} | ${segmentCpu.toFixed(0)} | ${pull.ms.toFixed(0)}, ${pull.cpu.toFixed(0)} ` +
        `| ${megabytes(disk.store)}, ${megabytes(disk.bodies)} | ${memory.hubMegabytes}, ${memory.databaseMegabytes} |`,
    );
  }
  lines.push('', '| start with that log | | s | s of CPU |', '|---|---|---|---|');
  for (const { kind, records, seconds, cpu } of restarts)
    lines.push(`| ${records} | ${kind} | ${seconds.toFixed(1)} | ${cpu.toFixed(1)} |`);
  if (lateJoin === null) return lines.join('\n');
  lines.push('', '| a machine of that space | s | s of CPU | MB at most |', '|---|---|---|---|');
  for (const [what, took] of Object.entries(lateJoin))
    lines.push(`| ${what} | ${took.seconds.toFixed(1)} | ${took.cpu.toFixed(1)} | ${took.peakMegabytes} |`);
  return lines.join('\n');
}
