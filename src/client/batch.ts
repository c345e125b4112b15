import type { ReadConsistency, RejectionCode } from '../transport/client-frame.ts';
import type { Call } from './call.ts';
import { packetOf } from './connection.ts';
import type { Session } from './session.ts';

/** What is special about a batch. */
export interface BatchKind {
  /** How long the node may hold it (claims that wait). */
  readonly waitMs?: number;
  readonly isOpening?: boolean;
  /** It only reads, and does not go through the log. */
  readonly consistency?: ReadConsistency;
}

/**
 * One request on its way: its packet, and who awaits its results. The header (client, sequence, acknowledgedBelow) is
 * filled in when it is first sent; from then on the bytes never change, so that a repetition is recognised.
 */
export class Batch {
  readonly packet: Uint8Array;
  readonly calls: readonly Call[];
  /** When it is given up, on the monotonic clock. One for all its calls, which were issued close together. */
  readonly deadlineMs: number;
  /** How long the node may hold it (claims that wait); zero for all others. */
  readonly waitMs: number;
  readonly isOpening: boolean;
  /** Any node may answer it, whether there is a leader or not. */
  readonly isStale: boolean;
  readonly #headerAt: number;

  /** Undefined until it is first sent. */
  session: Session | undefined;
  sequence = 0;
  /** Sends that may have taken effect: all but those that were rejected as not applied. */
  uncertainSends = 0;
  sends = 0;
  /** The node it was last sent to. */
  node = 0;
  sentAtMs = 0;
  /** It has to be sent again as soon as there is somebody to send it to. */
  needsSend = true;
  /** When an overloaded node may be asked again. */
  retryAtMs = Number.POSITIVE_INFINITY;
  lastRejection: RejectionCode | undefined;

  constructor(request: Uint8Array, calls: readonly Call[], deadlineMs: number, kind: BatchKind = {}) {
    const { consistency } = kind;
    this.packet = packetOf(consistency === undefined ? { type: 'request', request } : { type: 'query', consistency, request });
    this.isStale = consistency === 'stale';
    this.#headerAt = this.packet.length - request.length;
    this.calls = calls;
    this.deadlineMs = deadlineMs;
    this.waitMs = kind.waitMs ?? 0;
    this.isOpening = kind.isOpening ?? false;
  }

  /** Writes the header; see the layout in src/queue/request.ts. */
  address(session: Session, sequence: number, acknowledgedBelow: number): void {
    this.session = session;
    this.sequence = sequence;
    const view = new DataView(this.packet.buffer, this.packet.byteOffset + this.#headerAt);
    view.setFloat64(0, session.client, true);
    view.setFloat64(8, sequence, true);
    view.setFloat64(16, acknowledgedBelow, true);
  }

  /** Takes the address back. Only for a batch that certainly did not take effect. */
  unaddress(): void {
    this.session = undefined;
    this.sequence = 0;
    this.uncertainSends = 0;
    this.needsSend = true;
    this.retryAtMs = Number.POSITIVE_INFINITY;
  }

  fail(error: Error): void {
    for (const call of this.calls) call.onError(error);
  }
}
