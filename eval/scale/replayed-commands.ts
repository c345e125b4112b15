import { addJobs, restartSeconds, withScaleCluster } from './scale-cluster.ts';
import { residentMemory, type ScaleMeasure } from './scale-measure.ts';

/** So large that no checkpoint is due. */
const NEVER = 100_000_000;
const NEVER_BYTES = 64 * 1024 ** 3;

/** A node that has written no checkpoint: it reads its whole log, of so many adds in entries of many, and applies it. */
export const replayedCommands: ScaleMeasure = {
  name: 'commands to replay',
  sizes: [10_000_000],
  isShared: true,
  measure: (context) =>
    withScaleCluster(
      context,
      async ({ cluster, queue }) => {
        await addJobs(queue, context.size);
        const seconds = await restartSeconds(cluster, await cluster.waitForLeader());
        context.report({ figure: 'restart', unit: 's', value: seconds });
        context.report({ figure: 'commands applied', unit: '/s', value: context.size / seconds });
        context.report(residentMemory());
      },
      { nodes: 1, limits: { checkpointEntries: NEVER, checkpointRecords: NEVER, checkpointBytes: NEVER_BYTES } },
    ),
};
