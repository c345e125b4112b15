import type { Batch } from './batch.ts';
import type { Connection } from './connection.ts';
import type { DeadlineTimer } from './deadline-timer.ts';
import type { LeaderDiscovery } from './leader-discovery.ts';
import type { SessionQueues } from './session-queues.ts';
import type { WaitingClaims } from './waiting-claims.ts';

/** Sends batches to the node that the client has settled on, and sends them again if it is silent or lost. */
export class Transmitter {
  readonly #connection: Connection;
  readonly #search: LeaderDiscovery;
  readonly #sessionQueues: SessionQueues;
  readonly #wakeup: DeadlineTimer;
  readonly #waitingClaims: WaitingClaims;
  readonly #silenceMs: number;

  /** @param parts silenceMs: how long a node may leave a batch unanswered. */
  constructor(parts: {
    readonly connection: Connection;
    readonly search: LeaderDiscovery;
    readonly sessionQueues: SessionQueues;
    readonly wakeup: DeadlineTimer;
    readonly waitingClaims: WaitingClaims;
    readonly silenceMs: number;
  }) {
    this.#connection = parts.connection;
    this.#search = parts.search;
    this.#sessionQueues = parts.sessionQueues;
    this.#wakeup = parts.wakeup;
    this.#waitingClaims = parts.waitingClaims;
    this.#silenceMs = parts.silenceMs;
  }

  /** @returns whether the batch could be sent to the node. */
  send(batch: Batch, node: number, nowMs: number): boolean {
    if (!this.#connection.send(node, batch.packet)) {
      batch.needsSend = true;
      if (!this.#search.isSearching && this.#search.node === node) this.leave(node);
      return false;
    }
    batch.needsSend = false;
    batch.node = node;
    batch.sends += 1;
    batch.uncertainSends += 1;
    batch.sentAtMs = nowMs;
    batch.retryAtMs = Number.POSITIVE_INFINITY;
    this.#waitingClaims.onSent(batch, node);
    this.#wakeup.at(Math.min(batch.deadlineMs, batch.silentAtMs(this.#silenceMs)));
    return true;
  }

  /** Sends the batches that any node may answer, also while no leader is known. */
  sendStale(): void {
    // Checked first: this is called in every turn, and few clients read so. All sent batches are in its session, which is never replaced.
    if (this.#sessionQueues.stale.isIdle) return;
    const batches = [...this.#sessionQueues.unanswered()].filter((batch) => batch.isStale && batch.needsSend);
    for (
      let batch = this.#sessionQueues.takeNext(this.#sessionQueues.stale);
      batch !== undefined;
      batch = this.#sessionQueues.takeNext(this.#sessionQueues.stale)
    ) {
      batches.push(batch);
    }
    for (const batch of batches) {
      const settled = this.#search.isSearching ? [] : [this.#search.node];
      [...settled, ...this.#connection.nodeIds()].some((node) => this.send(batch, node, performance.now()));
    }
  }

  /** Leaves a node: everything that was sent to it must be sent again, first one request as a probe. */
  leave(node: number): void {
    this.markUnsent(node);
    this.#wakeup.at(this.#search.start(performance.now()));
  }

  markUnsent(node: number): void {
    for (const batch of this.#sessionQueues.unanswered()) if (batch.node === node) batch.needsSend = true;
  }

  /** The client has settled on a node: all batches at another node are sent to it. */
  sendAllTo(node: number, nowMs: number): void {
    for (const batch of this.#sessionQueues.unanswered()) {
      if (this.#search.isSearching) return;
      if (batch.needsSend || batch.node !== node) this.send(batch, node, nowMs);
    }
  }

  sendUnsent(nowMs: number): void {
    for (const batch of this.#sessionQueues.unanswered()) {
      if (this.#search.isSearching) return;
      if (batch.needsSend) this.send(batch, this.#search.node, nowMs);
    }
  }

  /** While no leader is known only one request is tried, again and again: a new leader must not receive sixteen copies of everything. */
  probe(nowMs: number): void {
    const batch = this.#sessionQueues.nextProbe();
    if (batch === undefined) return;
    for (let tried = this.#connection.nodeIds().length; tried > 0; tried -= 1) {
      const node = this.#search.nextProbeNode(nowMs);
      if (node !== undefined && this.send(batch, node, nowMs)) return;
    }
  }

  /** Sends again the postponed batches, and those that their node has left unanswered. */
  sendAgain(nowMs: number): void {
    for (const batch of [...this.#sessionQueues.unanswered()]) {
      if (this.#search.isSearching) return;
      if (batch.retryAtMs <= nowMs) {
        this.send(batch, this.#search.node, nowMs);
      } else if (batch.retryAtMs === Number.POSITIVE_INFINITY && batch.silentAtMs(this.#silenceMs) <= nowMs) {
        batch.needsSend = true;
        if (batch.node === this.#search.node) {
          this.#search.suspect(batch.node, nowMs);
          this.leave(batch.node);
        } else {
          this.send(batch, this.#search.node, nowMs);
        }
      }
    }
  }

  /** When the batch must be sent again next, if it gets no reply before. */
  nextSendMs(batch: Batch): number {
    return batch.retryAtMs === Number.POSITIVE_INFINITY ? batch.silentAtMs(this.#silenceMs) : batch.retryAtMs;
  }
}
