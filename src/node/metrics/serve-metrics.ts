import type { MetricsSource } from '../../gateways/native/metrics-route.ts';
import type { SatchelNode } from '../node.ts';
import { loadMetricsToken } from './metrics-token.ts';
import { nodeFigures } from './node-figures.ts';
import { createProcessFigures } from './process-figures.ts';
import { renderFamilies } from './registry.ts';

export interface ServedMetrics extends MetricsSource {
  close(): void;
}

/** What a node answers at /metrics. Throws UnusableMetricsToken. */
export async function serveMetrics(node: SatchelNode): Promise<ServedMetrics> {
  const { meter, log, home, deps } = node;
  const tokens = [await loadMetricsToken(home, deps.random)];
  const figures = createProcessFigures();
  const families = [...meter.families, ...nodeFigures(node), ...figures.families];
  return {
    tokens,
    render: () =>
      renderFamilies(families, (family, error) => {
        meter.gaps.add(1);
        log.warn({ family, error: String(error) }, 'a figure could not be looked up');
      }),
    close: figures.close,
  };
}
