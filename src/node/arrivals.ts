import type { NodeId } from '../base/ids.ts';
import type { ClientFrame } from '../protocol/client-frame.ts';
import type { RaftMessage } from '../raft/message.ts';
import type { PeerPart } from '../transport/peer-frame.ts';
import type { AdminHandler } from './admin-handler.ts';
import type { MemberVersions } from './member-versions.ts';
import type { NodeMetrics } from './node-metrics.ts';
import type { PeerOutbox } from './outbox.ts';
import type { QueryHandler } from './query-handler.ts';
import type { Leadership, RequestRouter } from './request-router.ts';

export interface ArrivalsPorts {
  readonly router: RequestRouter;
  readonly reads: QueryHandler;
  readonly admin: Pick<AdminHandler, 'onFrame'>;
  readonly versions: MemberVersions;
  readonly peers: PeerOutbox;
  readonly metrics: NodeMetrics;
  readonly leadership: () => Leadership;
  readonly nowMs: () => number;
  readonly onMessage: (message: RaftMessage) => void;
}

/** Routes each received item to its handler. */
export class Arrivals {
  readonly #ports: ArrivalsPorts;

  constructor(ports: ArrivalsPorts) {
    this.#ports = ports;
  }

  onPeerPart(from: NodeId, part: PeerPart): void {
    const { router, reads, versions, peers, metrics, leadership, nowMs, onMessage } = this.#ports;
    if (part.type === 'raft') {
      metrics.onMessage(part.message);
      onMessage(part.message);
    } else if (part.type === 'forward-reply') router.onForwardReply(part.connection, part.frame);
    else if (part.type === 'cancel-claim') router.onCancelled(part.client, part.sequence, leadership());
    else if (part.type === 'client-gone') router.onForwardedClientGone(from, part.connection);
    else if (part.type === 'read-index-request') reads.onReadIndexRequest(from, part.batch, part.lease, leadership());
    else if (part.type === 'read-index') reads.onReadIndex(part.batch, part.index);
    else if (part.type === 'version-request') peers.add(from, { type: 'version', version: versions.own });
    else if (part.type === 'version') versions.onVersion(from, part.version);
    else {
      metrics.requests += 1;
      router.onForwarded(from, part.connection, part.request, leadership(), nowMs());
    }
  }

  onClientGone(connection: number): void {
    const { router, reads, leadership } = this.#ports;
    router.onClientGone(connection, leadership());
    reads.onClientGone(connection);
  }

  onClientFrame(connection: number, frame: ClientFrame): void {
    const { router, reads, admin, metrics, leadership, nowMs } = this.#ports;
    if (frame.type === 'request') {
      metrics.requests += 1;
      router.onClientRequest(connection, frame.request, leadership(), nowMs());
    } else if (frame.type === 'query') {
      metrics.queries += 1;
      reads.onQuery(connection, frame.request, frame.consistency, leadership());
    } else if (frame.type === 'cancel-claim') {
      router.onCancelled(frame.client, frame.sequence, leadership());
      reads.onCancelled(connection, frame.client, frame.sequence);
    } else admin.onFrame(connection, frame);
  }
}
