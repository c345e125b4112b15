import { openCluster } from '../../src/index.ts';
import { connect } from '../../src/remote/index.ts';
import { NodeProcesses } from '../processes/node-processes.ts';
import { TaskProcess } from '../processes/task-process.ts';
import { type BenchQueue, withClient, withQueue } from './bench-cluster.ts';
import type { BenchContext } from './bench-measure.ts';

/** Where the nodes run, and how the client reaches them. */
export interface ClusterKind {
  /** First part of the names of its figures; empty for threads. */
  readonly prefix: string;
  /** Of a new cluster's processes to start, and to end. */
  readonly processesMs: number;
  readonly withQueue: <T>(context: BenchContext, use: (bench: BenchQueue) => Promise<T>) => Promise<T>;
}

/** Nodes as threads beside the client, in its process. */
export const threads: ClusterKind = { prefix: '', processesMs: 0, withQueue };

/** `openCluster`: nodes as threads of another process, by Unix sockets. */
export const unixSockets: ClusterKind = {
  prefix: 'Unix sockets: ',
  processesMs: 700,
  withQueue: async (context, use) => {
    const { nodes, durability, raft, limits } = context.config;
    const options = { nodes, durability, raft, limits, dataDir: context.dataDir };
    await using host = new TaskProcess({ type: 'host', options });
    await host.ready();
    const cluster = await openCluster(options);
    try {
      return await withClient(cluster, use);
    } finally {
      await cluster.close();
    }
  },
};

/** Each node a process, by gRPC on the loopback interface, as `jobraft serve` runs it. */
export const grpc: ClusterKind = grpcKind({ prefix: 'gRPC: ', hasTls: false });

/** The same with certificates: between the nodes, and between client and nodes. */
export const grpcWithTls: ClusterKind = grpcKind({ prefix: 'gRPC with TLS: ', hasTls: true });

function grpcKind({ prefix, hasTls }: { readonly prefix: string; readonly hasTls: boolean }): ClusterKind {
  return {
    prefix,
    processesMs: 1_500,
    withQueue: async (context, use) => {
      await using processes = await NodeProcesses.start(context, { hasTls });
      const { endpoints, clientTls: tls } = processes;
      const cluster = await connect(tls === undefined ? { endpoints } : { endpoints, tls });
      try {
        await cluster.waitForLeader();
        return await withClient(cluster, use);
      } finally {
        await cluster.close();
      }
    },
  };
}
