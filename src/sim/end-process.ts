import type { SimCluster } from './sim-cluster.ts';
import type { SimRandom } from './sim-random.ts';

/** Delay until a node notices the end of a channel. */
const NOTICED_WITHIN_MS = 60;

export interface ClientProcess {
  /** Another one after each restart. */
  readonly connection: number;
  restart(): void;
}

/** A client's process ends and another replaces it; each node notices the end separately. */
export function endProcess({ nodes, schedule }: SimCluster, random: SimRandom, client: ClientProcess): void {
  const { connection } = client;
  client.restart();
  for (const node of nodes.values()) {
    schedule.after(random.between(0, NOTICED_WITHIN_MS), () => {
      node.runtime?.clientGone(connection);
      node.wake(schedule.nowMs);
    });
  }
}
