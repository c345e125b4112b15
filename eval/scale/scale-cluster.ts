import { Client, type Cluster, type ClusterOptions, Queue, startCluster } from '../../src/index.ts';
import { faultsOf } from '../../src/testing/index.ts';
import { catchesUp } from '../measuring/catch-up.ts';
import { forEachBelow, type ScaleContext, secondsOf } from './scale-measure.ts';

const NODES = 3;
export const PAYLOAD = new Uint8Array(64);
const BULK_JOBS = 1_000;
const BULKS_IN_FLIGHT = 4;
/** To read ten million jobs, or as many commands. */
const RESTART_MS_MAX = 600_000;

interface ScaleCluster {
  readonly cluster: Cluster;
  readonly client: Client;
  readonly queue: Queue;
}

/** A cluster of three nodes with a leader, a client and a queue; closed afterwards. */
export async function withScaleCluster(
  { dataDir, seed }: ScaleContext,
  use: (parts: ScaleCluster) => Promise<void>,
  { nodes = NODES, ...options }: Partial<Pick<ClusterOptions, 'nodes'>> & Pick<ClusterOptions, 'limits'> = {},
): Promise<void> {
  await using cluster = await startCluster({ ...options, nodes, dataDir, seed });
  await cluster.waitForLeader();
  await using client = new Client(cluster);
  await using queue = new Queue('scale', { connection: client });
  await use({ cluster, client, queue });
}

/** Adds so many jobs of 64 B, a thousand in a call. */
export async function addJobs(queue: Queue, count: number): Promise<void> {
  const job = { name: 'message', data: PAYLOAD };
  const whole = Array.from({ length: BULK_JOBS }, () => job);
  await forEachBelow(Math.ceil(count / BULK_JOBS), BULKS_IN_FLIGHT, (at) =>
    queue.addBulk(whole.slice(0, Math.min(BULK_JOBS, count - at * BULK_JOBS))),
  );
}

/** Seconds from the call that starts a killed node until it has applied all that is committed. */
export async function restartSeconds(cluster: Cluster, node: number): Promise<number> {
  await faultsOf(cluster).kill(node);
  return await secondsOf(async () => {
    await cluster.restart(node);
    if (!(await catchesUp(cluster, node, RESTART_MS_MAX))) throw new Error(`Node ${node} did not catch up within ${RESTART_MS_MAX} ms.`);
  });
}
