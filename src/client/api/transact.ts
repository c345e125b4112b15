import type { ClusterEndpoint } from '../endpoint.ts';
import { acquireClient } from './connection-source.ts';
import { sendTransaction, type Transaction, type TransactionSteps, type TransactionValues } from './transaction.ts';

/** How a cluster is asked for a transaction. */
export type TransactionCall = <const Steps extends TransactionSteps>(
  build: (tx: Transaction) => Steps,
) => Promise<TransactionValues<Steps>>;

/** Sends a transaction by the client that the queues and workers of the cluster share. See `Cluster.transaction`. */
export async function transact<const Steps extends TransactionSteps>(
  cluster: ClusterEndpoint,
  build: (tx: Transaction) => Steps,
): Promise<TransactionValues<Steps>> {
  const { client, release } = acquireClient(cluster);
  try {
    return await sendTransaction(client, build);
  } finally {
    await release();
  }
}
