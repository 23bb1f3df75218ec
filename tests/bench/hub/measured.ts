import type { HubPeer } from './hub-peer.ts';

/** What some work took, of everybody. */
export interface Measured<T> {
  readonly result: T;
  readonly seconds: number;
  readonly hubCpu: number;
  readonly databaseCpu: number;
  /** Of the bench's own process, which plays the clients. */
  readonly clientCpu: number;
  readonly hubMegabytes: number;
  readonly hubPeakMegabytes: number;
  readonly databaseMegabytes: number;
}

export async function measured<T>(hub: HubPeer, work: () => Promise<T>): Promise<Measured<T>> {
  await hub.memory(); // the peak is counted from here on
  const before = await hub.cost();
  const own = process.cpuUsage();
  const began = performance.now();
  const result = await work();
  const seconds = (performance.now() - began) / 1_000;
  const { user, system } = process.cpuUsage(own);
  const after = await hub.cost();
  return {
    result,
    seconds,
    hubCpu: after.hub - before.hub,
    databaseCpu: after.database - before.database,
    clientCpu: (user + system) / 1e6,
    ...(await hub.memory()),
  };
}

/** The value that so many of a hundred do not exceed. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
