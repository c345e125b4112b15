import type { NodeId } from '../base/ids.ts';
import type { RaftMessage } from '../raft/message.ts';
import type { ClientFrame } from '../transport/client-frame.ts';
import type { PeerPart } from '../transport/peer-frame.ts';
import type { AdminDesk } from './admin-desk.ts';
import type { MemberVersions } from './member-versions.ts';
import type { NodeMetrics } from './node-metrics.ts';
import type { PeerOutbox } from './outbox.ts';
import type { ReadDesk } from './read-desk.ts';
import type { Leadership, RequestDesk } from './request-desk.ts';

export interface ArrivalsPorts {
  readonly desk: RequestDesk;
  readonly reads: ReadDesk;
  readonly admin: Pick<AdminDesk, 'onFrame'>;
  readonly versions: MemberVersions;
  readonly peers: PeerOutbox;
  readonly metrics: NodeMetrics;
  readonly standing: () => Leadership;
  readonly nowMs: () => number;
  readonly onMessage: (message: RaftMessage) => void;
}

/** Hands each thing that arrived to whoever it is for. */
export class Arrivals {
  readonly #ports: ArrivalsPorts;

  constructor(ports: ArrivalsPorts) {
    this.#ports = ports;
  }

  onPeerPart(from: NodeId, part: PeerPart): void {
    const { desk, reads, versions, peers, metrics, standing, nowMs, onMessage } = this.#ports;
    if (part.type === 'raft') onMessage(part.message);
    else if (part.type === 'answer') desk.onAnswer(part.connection, part.frame);
    else if (part.type === 'cancel-claim') desk.onCancelledClaim(part.client, part.sequence, standing());
    else if (part.type === 'client-gone') desk.onForwardedClientGone(from, part.connection);
    else if (part.type === 'read-question') reads.onQuestion(from, part.batch, part.lease, standing());
    else if (part.type === 'read-index') reads.onReadIndex(part.batch, part.index);
    else if (part.type === 'version-question') peers.add(from, { type: 'version', version: versions.own });
    else if (part.type === 'version') versions.onTold(from, part.version);
    else {
      metrics.requests += 1;
      desk.onForwarded(from, part.connection, part.request, standing(), nowMs());
    }
  }

  onClientFrame(connection: number, frame: ClientFrame): void {
    const { desk, reads, admin, metrics, standing, nowMs } = this.#ports;
    if (frame.type === 'request') {
      metrics.requests += 1;
      desk.onClientRequest(connection, frame.request, standing(), nowMs());
    } else if (frame.type === 'query') {
      metrics.queries += 1;
      reads.onQuery(connection, frame.request, frame.consistency, standing());
    } else if (frame.type === 'cancel-claim') desk.onCancelledClaim(frame.client, frame.sequence, standing());
    else admin.onFrame(connection, frame);
  }
}
