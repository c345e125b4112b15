import {
  Client,
  type Cluster,
  type ClusterEndpoint,
  type ClusterMembers,
  type ClusterOptions,
  type NodeStatus,
  startCluster,
} from 'jobraft';
import { expectTypeOf } from 'vitest';

export async function startsAndIsAsked(): Promise<void> {
  await using cluster = await startCluster({ nodes: 3, dataDir: './data' });
  expectTypeOf(cluster).toEqualTypeOf<Cluster>();
  expectTypeOf(cluster).toExtend<ClusterEndpoint>();
  expectTypeOf(await cluster.waitForLeader()).toEqualTypeOf<number>();
  expectTypeOf(await cluster.leader()).toEqualTypeOf<number | undefined>();
  expectTypeOf(await cluster.status(1)).toEqualTypeOf<NodeStatus>();
  expectTypeOf(await cluster.members()).toEqualTypeOf<ClusterMembers>();
  expectTypeOf(await cluster.addNode()).toEqualTypeOf<number>();
  await cluster.changeMembers({ add: [4], remove: [1] });
  await startCluster({ nodes: [1, 2], storage: 'memory' });

  // @ts-expect-error no nodes
  await startCluster({ dataDir: './data' });
  // @ts-expect-error no such storage
  await startCluster({ nodes: 3, storage: 'redis' });
  // @ts-expect-error no such option
  await startCluster({ nodes: 3, replicas: 3 });
  // @ts-expect-error a node is a number
  await cluster.status('1');
  // @ts-expect-error nodes are lists
  await cluster.changeMembers({ add: 4 });
}

export function takesItsOptions(): void {
  expectTypeOf<ClusterOptions['durability']>().toEqualTypeOf<'full' | 'off' | undefined>();
  expectTypeOf<NonNullable<ClusterOptions['raft']>['heartbeatMs']>().toEqualTypeOf<number | undefined>();
  expectTypeOf<NonNullable<ClusterOptions['onNodeFailure']>>().parameters.toEqualTypeOf<[node: number, error: Error]>();
  // @ts-expect-error no such timing
  ({ nodes: 1, raft: { heartbeat: 5 } }) satisfies ClusterOptions;
}

export async function hasClients(cluster: Cluster): Promise<void> {
  await using client = new Client(cluster, { deadlineMs: 5_000 });
  await client.connect();
  // @ts-expect-error no such option
  new Client(cluster, { timeout: 5 });
  // @ts-expect-error a client has no jobs: a queue has
  await client.add('job', {});
}
