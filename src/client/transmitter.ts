import type { Batch } from './batch.ts';
import type { Connection } from './connection.ts';
import type { DeadlineTimer } from './deadline-timer.ts';
import type { LeaderDiscovery } from './leader-discovery.ts';
import type { SessionQueues } from './session-queues.ts';
import type { WaitingClaims } from './waiting-claims.ts';

/** Sends batches to the node that the client has settled on, and sends them again when that is silent or lost. */
export class Transmitter {
  readonly #connection: Connection;
  readonly #search: LeaderDiscovery;
  readonly #lanes: SessionQueues;
  readonly #wakeup: DeadlineTimer;
  readonly #waitingClaims: WaitingClaims;
  readonly #silenceMs: number;

  /** @param parts silenceMs: how long a node may stay silent about a batch. */
  constructor(parts: {
    readonly connection: Connection;
    readonly search: LeaderDiscovery;
    readonly lanes: SessionQueues;
    readonly wakeup: DeadlineTimer;
    readonly waitingClaims: WaitingClaims;
    readonly silenceMs: number;
  }) {
    this.#connection = parts.connection;
    this.#search = parts.search;
    this.#lanes = parts.lanes;
    this.#wakeup = parts.wakeup;
    this.#waitingClaims = parts.waitingClaims;
    this.#silenceMs = parts.silenceMs;
  }

  /** @returns whether the node could be sent to. */
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

  /** Any node may reply these, also while no leader is known. */
  sendStale(): void {
    // Asked first: this is called in every turn, and few clients read so. All that was sent is in the lane's session: no reply replaces it.
    if (this.#lanes.stale.isIdle) return;
    const batches = [...this.#lanes.unanswered()].filter((batch) => batch.isStale && batch.needsSend);
    for (let batch = this.#lanes.takeNext(this.#lanes.stale); batch !== undefined; batch = this.#lanes.takeNext(this.#lanes.stale)) {
      batches.push(batch);
    }
    for (const batch of batches) {
      const settled = this.#search.isSearching ? [] : [this.#search.node];
      [...settled, ...this.#connection.nodeIds()].some((node) => this.send(batch, node, performance.now()));
    }
  }

  /** Turns away from a node: everything that was sent to it has to be sent again, first of all one request as a probe. */
  leave(node: number): void {
    this.markUnsent(node);
    this.#wakeup.at(this.#search.start(performance.now()));
  }

  markUnsent(node: number): void {
    for (const batch of this.#lanes.unanswered()) if (batch.node === node) batch.needsSend = true;
  }

  /** The client has settled on a node: all that another one has goes to it. */
  sendAllTo(node: number, nowMs: number): void {
    for (const batch of this.#lanes.unanswered()) {
      if (this.#search.isSearching) return;
      if (batch.needsSend || batch.node !== node) this.send(batch, node, nowMs);
    }
  }

  sendUnsent(nowMs: number): void {
    for (const batch of this.#lanes.unanswered()) {
      if (this.#search.isSearching) return;
      if (batch.needsSend) this.send(batch, this.#search.node, nowMs);
    }
  }

  /** While no leader is known only one request is tried, again and again: a new leader must not meet sixteen copies of everything. */
  probe(nowMs: number): void {
    const batch = this.#lanes.nextProbe();
    if (batch === undefined) return;
    for (let tried = this.#connection.nodeIds().length; tried > 0; tried -= 1) {
      const node = this.#search.nextProbeNode(nowMs);
      if (node !== undefined && this.send(batch, node, nowMs)) return;
    }
  }

  /** Sends again what was put off, and what its node has been silent about. */
  sendAgain(nowMs: number): void {
    for (const batch of [...this.#lanes.unanswered()]) {
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

  /** When the batch has to be sent again next, if it is not answered before. */
  nextSendMs(batch: Batch): number {
    return batch.retryAtMs === Number.POSITIVE_INFINITY ? batch.silentAtMs(this.#silenceMs) : batch.retryAtMs;
  }
}
