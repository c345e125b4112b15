import type { NodeConfig } from '../config/node-config.ts';
import type { ClientBoundsConfig } from '../transport/grpc/client-bounds.ts';

/** What a packet of a client may have beside its largest payload: a whole batch, see `ClientOptions.batchBytesMax`. */
const BATCH_BYTES_MAX = 65 * 1024 * 1024;
/** What a message has beside entries, packets or records. */
const ENVELOPE_BYTES_MAX = 1024 * 1024;

/** The largest packet of a client, and the largest message of gRPC: what a turn sends to one peer, and one request, entry or record, however large. */
export function messageBounds({ raft, limits }: Pick<NodeConfig, 'raft' | 'limits'>): {
  readonly packetBytesMax: number;
  readonly messageBytesMax: number;
} {
  const packetBytesMax = limits.payloadBytesMax + BATCH_BYTES_MAX;
  // Small entries have up to their own size beside their data.
  const turnBytesMax = Math.max(2 * raft.messageBytesMax, limits.entryBytesMax, limits.snapshotChunkBytes, limits.turnBytesMax);
  return { packetBytesMax, messageBytesMax: turnBytesMax + packetBytesMax + ENVELOPE_BYTES_MAX };
}

export const clientBoundsOf = ({
  clientConnectionsMax: connectionsMax,
  clientCallsMax: callsMax,
  clientRequestsPerSecondMax: requestsPerSecondMax,
}: NodeConfig): ClientBoundsConfig => ({ connectionsMax, callsMax, requestsPerSecondMax });
