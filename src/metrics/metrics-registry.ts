import { createRequire } from 'node:module';
import type { Registry } from 'prom-client';
import type { HistogramCounts } from '../base/histogram.ts';
import type { NodeReading } from './node-sample.ts';
import { SERIES, type Series, UP, type Value } from './series.ts';

/** Reads all nodes; those that do not reply in time have no sample. Must not reject, nor take long. */
export type ReadNodes = () => Promise<readonly NodeReading[]>;

/** In the form of a metric of prom-client. */
interface MetricValue extends Value {
  readonly metricName?: string;
}

/**
 * A registry of its own, which no other part of the process has: several clusters do not collide. Nothing is counted in it: each scrape reads
 * the nodes once.
 */
export function openMetricsRegistry(readNodes: ReadNodes): Registry {
  const { Registry: OwnRegistry } = loadPromClient();
  const registry = new OwnRegistry();
  const read = sharedRead(readNodes);
  const add = (
    name: string,
    help: string,
    type: Series['type'],
    valuesOf: (readings: readonly NodeReading[]) => readonly MetricValue[],
  ) => {
    const metric = {
      ...{ name, help, type, aggregator: 'first' },
      get: async () => ({ name, help, type, aggregator: 'first', values: valuesOf(await read()) }),
      reset: () => undefined,
    };
    // The only cast: a registry uses no other part of a metric, and the classes of prom-client count by themselves.
    registry.registerMetric(metric as unknown as Parameters<Registry['registerMetric']>[0]);
  };
  add(UP.name, UP.help, 'gauge', (readings) => readings.map((reading) => UP.read(reading)));
  for (const series of SERIES)
    add(series.name, series.help, series.type, (readings) => readings.flatMap((reading) => valuesOfNode(series, reading)));
  return registry;
}

function valuesOfNode(series: Series, { node, sample }: NodeReading): readonly MetricValue[] {
  if (sample === undefined) return [];
  if (series.type === 'histogram') return bucketsOf(series.name, node, series.read(sample), series.unit);
  return series.read(sample).map(({ labels, value }) => ({ labels: { node, ...labels }, value }));
}

function bucketsOf(name: string, node: number, { bounds, counts, sum }: HistogramCounts, unit: number): MetricValue[] {
  let below = 0;
  const buckets = counts.map((count, at) => {
    below += count;
    const bound = bounds[at];
    const le = bound === undefined ? '+Inf' : String(Number((bound * unit).toPrecision(12)));
    return { metricName: `${name}_bucket`, labels: { node, le }, value: below };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels: { node }, value: sum * unit },
    { metricName: `${name}_count`, labels: { node }, value: below },
  ];
}

/** All metrics of a scrape, and scrapes at the same time, share one reading. */
function sharedRead(readNodes: ReadNodes): ReadNodes {
  let current: Promise<readonly NodeReading[]> | undefined;
  return () => {
    if (current === undefined) {
      const begun = readNodes().finally(() => {
        if (current === begun) current = undefined;
      });
      current = begun;
    }
    return current;
  };
}

/** Loaded by the first registry: it takes a third of the time in which all of jobraft is loaded, and most processes have no scrape. */
function loadPromClient(): typeof import('prom-client') {
  return createRequire(import.meta.url)('prom-client') as typeof import('prom-client');
}
