import type { Batch } from './batch.ts';
import type { Connection } from './connection.ts';
import type { Failover } from './failover.ts';
import type { SessionQueues } from './session-queues.ts';
import type { WaitingClaims } from './waiting-claims.ts';

/** The call number of status frames for the client itself. */
export const OWN_STATUS_CALL = 0;

/** Sends batches to the node that the client has settled on, and sends them again if it is silent or lost. */
export class Transmitter {
  readonly #connection: Connection;
  readonly #failover: Failover;
  readonly #sessionQueues: SessionQueues;
  readonly #waitingClaims: WaitingClaims;
  readonly #silenceMs: number;
  readonly #wakeAt: (atMs: number) => void;

  /**
   * @param parts silenceMs: how long a node may leave a batch unanswered.
   * @param wakeAt checks then what is due.
   */
  constructor(
    parts: {
      readonly connection: Connection;
      readonly failover: Failover;
      readonly sessionQueues: SessionQueues;
      readonly waitingClaims: WaitingClaims;
      readonly silenceMs: number;
    },
    wakeAt: (atMs: number) => void,
  ) {
    this.#connection = parts.connection;
    this.#failover = parts.failover;
    this.#sessionQueues = parts.sessionQueues;
    this.#waitingClaims = parts.waitingClaims;
    this.#silenceMs = parts.silenceMs;
    this.#wakeAt = wakeAt;
  }

  isReachable(node: number): boolean {
    return this.#connection.isReachable(node);
  }

  /** @returns whether the batch could be sent to the node. */
  send(batch: Batch, node: number, nowMs: number): boolean {
    if (!this.#connection.send(node, batch.packet)) {
      batch.needsSend = true;
      if (this.#failover.onUnavailable(node) === 'search') this.leave(node, nowMs);
      return false;
    }
    batch.sentOn(this.#connection.memoryOf(node));
    batch.needsSend = false;
    batch.node = node;
    batch.sends += 1;
    batch.uncertainSends += 1;
    batch.sentAtMs = nowMs;
    batch.retryAtMs = Number.POSITIVE_INFINITY;
    this.#waitingClaims.onSent(batch, node);
    this.#wakeAt(Math.min(batch.deadlineMs, batch.silentAtMs(this.#silenceMs)));
    return true;
  }

  /** Sends the batches that any node may answer, also while no leader is known. */
  sendStale(nowMs: number): void {
    const { stale } = this.#sessionQueues;
    // Checked first: this is called in every turn, and few clients read so. All sent batches are in its session, which is never replaced.
    if (stale.isIdle) return;
    const batches = [...this.#sessionQueues.unanswered()].filter((batch) => batch.isStale && batch.needsSend);
    for (let batch = this.#sessionQueues.takeNext(stale); batch !== undefined; batch = this.#sessionQueues.takeNext(stale)) {
      batches.push(batch);
    }
    for (const batch of batches) {
      const settled = this.#failover.isSearching ? [] : [this.#failover.node];
      [...settled, ...this.#connection.nodeIds()].some((node) => this.send(batch, node, nowMs));
    }
  }

  /** A search begins: what was sent to the node, and has arrived or is lost, must be sent again, first one request as a probe. */
  leave(node: number, nowMs: number): void {
    this.#markUnsent(node, (batch) => !batch.isTravelling(nowMs));
    this.askAll(nowMs);
  }

  /** What was sent to the node is lost. */
  markUnsent(node: number): void {
    this.#markUnsent(node, () => true);
  }

  #markUnsent(node: number, isLost: (batch: Batch) => boolean): void {
    for (const batch of this.#sessionQueues.unanswered()) if (batch.node === node && isLost(batch)) batch.needsSend = true;
  }

  /** The client has settled on a node: all batches at another node are sent to it. */
  sendAllTo(node: number, nowMs: number): void {
    for (const batch of this.#sessionQueues.unanswered()) {
      if (this.#failover.isSearching) return;
      if (batch.needsSend || batch.node !== node) this.send(batch, node, nowMs);
    }
  }

  sendUnsent(nowMs: number): void {
    for (const batch of this.#sessionQueues.unanswered()) {
      if (this.#failover.isSearching) return;
      if (batch.needsSend) this.send(batch, this.#failover.node, nowMs);
    }
  }

  /** While no leader is known only one request is tried, again and again: a new leader must not receive sixteen copies of everything. */
  probe(nowMs: number): void {
    const batch = this.#sessionQueues.nextProbe();
    if (batch === undefined || (batch.wasSent && batch.isTravelling(nowMs))) return;
    const nodes = this.#connection.nodeIds();
    for (let tried = nodes.length; tried > 0; tried -= 1) {
      const node = this.#failover.nextProbeNode(nodes, nowMs);
      if (node !== undefined && this.send(batch, node, nowMs)) return;
    }
  }

  /** Sends again the postponed batches, and those that their node has left unanswered. */
  sendAgain(nowMs: number): void {
    for (const batch of [...this.#sessionQueues.unanswered()]) {
      if (this.#failover.isSearching) return;
      if (batch.retryAtMs <= nowMs) {
        this.send(batch, this.#failover.node, nowMs);
      } else if (batch.retryAtMs === Number.POSITIVE_INFINITY && batch.silentAtMs(this.#silenceMs) <= nowMs) {
        batch.needsSend = true;
        if (this.#failover.onSilent(batch.node, nowMs) === 'search') this.leave(batch.node, nowMs);
        else this.send(batch, this.#failover.node, nowMs);
      }
    }
  }

  /** When the batch must be sent again next, if it gets no reply before. */
  nextSendMs(batch: Batch): number {
    return batch.retryAtMs === Number.POSITIVE_INFINITY ? batch.silentAtMs(this.#silenceMs) : batch.retryAtMs;
  }

  /** While searching: asks every node for its status. */
  askAll(nowMs: number): void {
    this.#wakeAt(this.#failover.onAsked(nowMs));
    for (const node of this.#connection.nodeIds()) this.#ask(node);
  }

  /** Whether a node to which the client has settled is a follower by now. */
  askCurrent(): void {
    this.#ask(this.#failover.node);
  }

  #ask(node: number): void {
    this.#connection.sendFrame(node, { type: 'status', call: OWN_STATUS_CALL });
  }
}
