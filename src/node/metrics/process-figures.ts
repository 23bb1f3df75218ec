import { readdir } from 'node:fs/promises';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { createGauge, type Family } from './registry.ts';

export interface ProcessFigures {
  readonly families: readonly Family[];
  readonly close: () => void;
}

/** Milliseconds between looks at the event loop: some 30 µs of CPU a second. */
const LAG_RESOLUTION = 50;
const NANO = 1e9;

/** What Node knows of this process, under the names that Prometheus' dashboards expect. Costs little, but wakes an idle process: only where figures are wanted. */
export function createProcessFigures(): ProcessFigures {
  const lag = monitorEventLoopDelay({ resolution: LAG_RESOLUTION });
  lag.enable();
  const counter = (name: string, help: string, look: () => number): Family => ({
    name,
    help,
    type: 'counter',
    collect: () => [{ value: look() }],
  });
  return {
    families: [
      counter('process_cpu_seconds_total', 'CPU time of this process, user and system.', () => {
        const { user, system } = process.cpuUsage();
        return (user + system) / 1e6;
      }),
      createGauge('process_start_time_seconds', 'When this process began, seconds since 1970.', () => performance.timeOrigin / 1000),
      createGauge('process_resident_memory_bytes', 'Memory of this process.', () => process.memoryUsage.rss()),
      createGauge('process_open_fds', 'Files and connections that are open.', openFiles),
      createGauge('nodejs_heap_size_used_bytes', 'Heap in use.', () => process.memoryUsage().heapUsed),
      createGauge('nodejs_external_memory_bytes', 'Memory of buffers outside the heap.', () => process.memoryUsage().external),
      counter('satchel_event_loop_busy_seconds_total', 'Time in which the event loop was at work.', () => {
        return performance.eventLoopUtilization().active / 1000;
      }),
      createGauge(
        'satchel_event_loop_lag_seconds',
        'How late the event loop was since the last scrape, by quantile; 1 is the latest.',
        () => {
          // What the timer itself takes is no lag.
          const late = (nanoseconds: number): number =>
            Number.isFinite(nanoseconds) ? Math.max(0, nanoseconds / NANO - LAG_RESOLUTION / 1000) : 0;
          const samples = [
            { labels: { quantile: '0.5' }, value: late(lag.percentile(50)) },
            { labels: { quantile: '0.99' }, value: late(lag.percentile(99)) },
            { labels: { quantile: '1' }, value: lag.count === 0 ? 0 : late(lag.max) },
          ];
          lag.reset();
          return samples;
        },
      ),
    ],
    close: () => lag.disable(),
  };
}

/** Linux only. */
async function openFiles(): Promise<number | null> {
  return process.platform === 'linux' ? (await readdir('/proc/self/fd')).length : null;
}
