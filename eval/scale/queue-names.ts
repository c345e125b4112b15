import { Queue } from '../../src/index.ts';
import { PAYLOAD, restartSeconds, withScaleCluster } from './scale-cluster.ts';
import { forEachBelow, residentMemory, type ScaleMeasure, secondsOf } from './scale-measure.ts';

const IN_FLIGHT = 1_000;

/** So many queues with a waiting job each. */
export const queueNames: ScaleMeasure = {
  name: 'queue names',
  sizes: [1_000_000],
  isShared: true,
  measure: ({ size, report, ...context }) =>
    withScaleCluster({ size, report, ...context }, async ({ cluster, client }) => {
      const before = process.memoryUsage.rss();
      const seconds = await secondsOf(() =>
        forEachBelow(size, IN_FLIGHT, async (at) => {
          await using queue = new Queue(`queue-${at}`, { connection: client });
          await queue.add('message', PAYLOAD);
        }),
      );
      report({ figure: 'adds, each to a queue of its own', unit: '/s', value: size / seconds });
      report(residentMemory());
      const nodes = cluster.nodeIds();
      report({
        figure: 'memory of a queue, its job and node',
        unit: 'B',
        value: (process.memoryUsage.rss() - before) / size / nodes.length,
      });
      for (const node of nodes) report({ figure: 'restart of a node', unit: 's', value: await restartSeconds(cluster, node) });
    }),
};
