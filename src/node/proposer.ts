import { ByteReader, ByteWriter } from '../base/bytes.ts';
import type { LogIndex, Term } from '../base/ids.ts';
import { asIndex, asTerm } from '../base/ids.ts';
import { invariant } from '../base/invariant.ts';
import { type EntryHeader, tickData, versionOfEntry } from '../protocol/entry-data.ts';
import { readRequestHeader } from '../protocol/request-encoder.ts';
import type { Effects } from '../raft/effects.ts';
import type { CoreView } from '../raft/raft-core.ts';
import { batchRequests, type EntryBounds } from './entry-batch.ts';
import { LogClock } from './log-clock.ts';
import type { MemberVersions } from './member-versions.ts';
import type { NodeMetrics } from './node-metrics.ts';
import type { QueuedRequest } from './pending-requests.ts';
import type { Reservation } from './request-policy.ts';
import type { RequestRouter } from './request-router.ts';
import { Reservations } from './reservations.ts';
import type { StateMachine } from './state-machine.ts';

/** What a proposer requires of its node. */
export interface ProposerPorts {
  readonly view: CoreView;
  readonly router: RequestRouter;
  readonly machine: StateMachine;
  readonly versions: MemberVersions;
  readonly metrics: NodeMetrics;
  readonly bounds: EntryBounds;
  nowMs(): number;
  wallMs(): number;
  applied(): LogIndex;
  propose(data: Uint8Array): Effects;
  /** Requests of the turn became an entry, or were rejected; more may follow. */
  onEntry(): void;
}

/**
 * While a delay, a lease or a session runs, a leader reads the clocks at least this often: the wall clock may be stepped while the node
 * sleeps, and the log's clock treats a long sleep as an outage.
 */
const CLOCK_CHECK_MS = 500;

/**
 * Proposes entries: each turn's requests, batched; the time, when something is due and no other entry carries it; and the move to a newer
 * version of the state machine.
 */
export class Proposer {
  readonly #ports: ProposerPorts;
  readonly #entryWriter = new ByteWriter(64 * 1024);
  readonly #clock = new LogClock();
  readonly #reservations = new Reservations();
  /**
   * The latest entry that was proposed only for its time. Another leader may have overwritten it: then the entry at its index has another
   * term.
   */
  #tick: { readonly index: LogIndex; readonly term: Term } = { index: asIndex(0), term: asTerm(0) };
  /** The latest term in which this node began to lead. */
  #ledTerm: Term | undefined;
  /** The latest term whose first command this node proposed. */
  #firstOfTerm: Term | undefined;
  /** The newest version in this leader's log. */
  #loggedVersion = 1;
  /** The version that requests are checked against, and that the next entry carries. */
  #version = 1;

  constructor(ports: ProposerPorts) {
    this.#ports = ports;
  }

  /** The state-machine version of the next proposed entry, if this node leads. */
  get version(): number {
    return this.#version;
  }

  /** After how many ms the clocks must be read if nothing else happens; an entry then carries the time if something is due. */
  get tickInMs(): number {
    const { view, machine, wallMs } = this.#ports;
    const { nextLogDueMs, nextWallDueMs } = machine;
    const isTimed = nextLogDueMs < Number.POSITIVE_INFINITY || nextWallDueMs < Number.POSITIVE_INFINITY;
    if (view.role !== 'leader' || view.leading?.transfer !== undefined || !isTimed) return Number.POSITIVE_INFINITY;
    if (!this.#mayTick) return CLOCK_CHECK_MS;
    return Math.max(0, Math.min(nextLogDueMs - this.#logMs, nextWallDueMs - wallMs(), CLOCK_CHECK_MS));
  }

  /** This node may have begun to lead. */
  onLeadershipChanged(): void {
    const { view, machine, metrics } = this.#ports;
    this.#reservations.releaseAll();
    metrics.commits.onLeadershipChanged();
    if (view.role !== 'leader' || view.term === this.#ledTerm) return;
    this.#ledTerm = view.term;
    this.#clock.start(this.#ports.nowMs(), machine.logMs);
    this.#loggedVersion = machine.version;
    for (const { kind, data } of view.log.between(this.#ports.applied(), view.log.lastIndex)) {
      if (kind === 'command' && data.length > 0) this.#loggedVersion = Math.max(this.#loggedVersion, versionOfEntry(data));
    }
    this.#version = Math.max(this.#loggedVersion, this.#commonVersion);
  }

  proposeQueued(): void {
    const { view, router } = this.#ports;
    // The requests wait: either the next leader is found and their clients are informed, or this node continues to lead.
    if (view.leading?.transfer !== undefined) return;
    const isLeader = view.role === 'leader';
    if (isLeader) {
      this.#readClock();
      this.#moveVersion();
    }
    const hasProposedTime = router.hasQueued && this.#proposeRequests();
    if (isLeader && !hasProposedTime && this.#isTickDue) this.#proposeTick();
  }

  get #commonVersion(): number {
    const { view, versions } = this.#ports;
    return versions.common(view.id, view.configuration);
  }

  /** @returns whether an entry with them is in the log. */
  #proposeRequests(): boolean {
    const { router, metrics, bounds, onEntry } = this.#ports;
    this.#reservations.onApplied(this.#ports.applied());
    const queued = router.takeQueued().map(reserved);
    let isAnyProposed = false;
    for (const { data, items } of batchRequests(queued, () => this.#header(), bounds, this.#entryWriter)) {
      const { proposed, rejected } = this.#propose(data);
      if (proposed !== undefined) {
        isAnyProposed = true;
        this.#reservations.onProposed(proposed.index, reservationsOf(items));
        router.onProposed(items);
        metrics.onEntry(items.length, operationsIn(items), data.length);
      } else {
        invariant(rejected?.reason === 'overloaded', () => 'requests were queued at a node that does not lead');
        for (const reservation of reservationsOf(items)) reservation.release();
        router.onOverloaded(items, rejected.uncommittedBytes);
      }
      onEntry();
    }
    return isAnyProposed;
  }

  /** Once all members have a newer version, the cluster moves to it. Requests accepted for the previous version may not exist in it. */
  #moveVersion(): void {
    const { router } = this.#ports;
    const version = Math.max(this.#version, this.#commonVersion);
    if (version === this.#version) return;
    this.#version = version;
    router.onVersionMoved();
  }

  /** Time enters through the log: something is due, and no entry in flight carries the time. Versions and fresh terms likewise. */
  get #isTickDue(): boolean {
    if (!this.#mayTick) return false;
    const { machine, wallMs } = this.#ports;
    if (this.#version > this.#loggedVersion) return true;
    if (this.#isTermStartDue) return true;
    return machine.nextLogDueMs <= this.#logMs || machine.nextWallDueMs <= wallMs();
  }

  /** The first command of a term does not wait for a request: it may renew what would expire first. An entry of version 1 has no mark for it. */
  get #isTermStartDue(): boolean {
    const { view, machine, applied } = this.#ports;
    if (this.#version === 1 || this.#firstOfTerm === view.term || !machine.isTermStartDue) return false;
    return view.log.termAt(applied()) === view.term;
  }

  #proposeTick(): void {
    const { view } = this.#ports;
    const { proposed } = this.#propose(tickData(this.#header()));
    // After an overload rejection, retry once more of the log is applied.
    this.#tick = { index: proposed?.index ?? view.log.lastIndex, term: view.term };
  }

  #propose(data: Uint8Array): Effects {
    const { view, propose } = this.#ports;
    const effects = propose(data);
    if (effects.proposed !== undefined) {
      this.#firstOfTerm = view.term;
      this.#loggedVersion = versionOfEntry(data);
    }
    return effects;
  }

  #header(): EntryHeader {
    const { view, wallMs } = this.#ports;
    return { version: this.#version, logMs: this.#logMs, wallMs: wallMs(), isFirstOfTerm: this.#firstOfTerm !== view.term };
  }

  /**
   * In every turn in which this leader accepts requests, even while a tick is in flight: part of a longer time between two readings would
   * not count. The time in which requests have to wait does not count either.
   */
  #readClock(): void {
    const { machine, nowMs } = this.#ports;
    this.#clock.at(nowMs(), machine.logMs);
  }

  /** The log's clock now; in version 1 the leader's wall clock. */
  get #logMs(): number {
    const { machine, nowMs, wallMs } = this.#ports;
    return this.#version === 1 ? wallMs() : this.#clock.at(nowMs(), machine.logMs);
  }

  /** Whether an entry that only carries the time could be proposed, and none is in flight. */
  get #mayTick(): boolean {
    const { view, applied } = this.#ports;
    const { term, leading } = view;
    if (leading === undefined || leading.transfer !== undefined) return false;
    return this.#tick.term !== term || this.#tick.index <= applied();
  }
}

function reserved(item: QueuedRequest): QueuedRequest {
  const { request, inspection } = item;
  const reservation = inspection.reserve?.(request);
  return reservation === undefined ? item : { ...item, request: reservation.request, reservation };
}

const reservationsOf = (items: readonly QueuedRequest[]): readonly Reservation[] =>
  items.flatMap(({ reservation }) => (reservation === undefined ? [] : [reservation]));

const operationsIn = (items: readonly QueuedRequest[]): number =>
  items.reduce((sum, { request }) => sum + readRequestHeader(new ByteReader(request)).operations, 0);
