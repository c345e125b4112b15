import type { NodeStatus } from '../../protocol/client-frame.ts';
import type { RandomSource } from './host.ts';
import { LeaderDiscovery } from './leader-discovery.ts';

/** The first pause between two attempts. Short: elections take tens of milliseconds, and the first call after one should start soon. */
const RETRY_MS_MIN = 5;
const RETRY_MS_MAX = 200;
const RETRY_GROWTH = 1.5;
/** Relative jitter of each pause, so that clients do not retry at the same time. */
const JITTER = 0.25;

/**
 * What the dispatcher has to do after an event:
 * - `settle`: send everything to {@link Failover.node};
 * - `search`: mark what was sent to the node as unsent, and ask every node for its status.
 */
export type FailoverAction = 'none' | 'settle' | 'search';

/**
 * Selects the node to send to: events in, actions out. *Settled* on one node, or *searching*: then every node is asked for its status at
 * growing intervals, until a node that is not suspect reports itself as leader, or any node that has replied accepts a request (a follower forwards).
 */
export class Failover {
  readonly #random: RandomSource;
  readonly #leaders = new LeaderDiscovery();
  #node = 0;
  #isSearching = true;
  #isPaused = true;
  #attempt = 0;
  #nextMs = 0;
  #probes: number;

  constructor(random: RandomSource) {
    this.#random = random;
    this.#probes = Math.floor(random.nextUnit() * 1_024);
  }

  /** The node to send to, once settled. */
  get node(): number {
    return this.#node;
  }

  get isSearching(): boolean {
    return this.#isSearching;
  }

  /** There is nothing to send: the search has paused. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** The first round only requests statuses; from the second on a request is tried too. */
  get isProbing(): boolean {
    return this.#attempt > 0;
  }

  /** While searching: when to ask again. */
  get nextMs(): number {
    return this.#nextMs;
  }

  /** A node reports its status. */
  onStatus(status: NodeStatus, nowMs: number): FailoverAction {
    this.#leaders.record(status);
    if (!this.#isSearching) return 'none';
    const leader = this.#leaders.leader(nowMs);
    return leader === undefined ? 'none' : this.#settleOn(leader);
  }

  /** A node sends a reply. @param needsLeader whether it knows a leader: a stale read is answered without one. */
  onReply(node: number, needsLeader: boolean): FailoverAction {
    this.#leaders.clearSuspicion(node);
    return this.#isSearching && needsLeader ? this.#settleOn(node) : 'none';
  }

  /** The node cannot be reached, or knows no leader. */
  onUnavailable(node: number): FailoverAction {
    return !this.#isSearching && node === this.#node ? this.#search() : 'none';
  }

  /** The node has left a request unanswered for too long. */
  onSilent(node: number, nowMs: number): FailoverAction {
    if (node !== this.#node) return 'none';
    this.#leaders.suspect(node, nowMs);
    return this.onUnavailable(node);
  }

  /** The channel to the node is lost. */
  onLost(node: number): FailoverAction {
    this.#leaders.forget(node);
    return this.onUnavailable(node);
  }

  /** Every node is asked for its status now. @returns when to ask again. */
  onAsked(nowMs: number): number {
    this.#isPaused = false;
    this.#nextMs = nowMs + retryDelayMs(this.#random, this.#attempt);
    this.#attempt += 1;
    return this.#nextMs;
  }

  /** There is nothing to send: searching pauses until there is. */
  pause(): void {
    this.#isPaused = true;
  }

  /** There is something to send again. */
  resume(): FailoverAction {
    return this.#isPaused ? this.#search() : 'none';
  }

  /**
   * The leader that the current node, a follower, reports: forwarding costs a hop. The follower still replies to the requests it has.
   * @returns undefined if there is none to move to.
   */
  leaderBehind(status: NodeStatus, nowMs: number): number | undefined {
    const leader = status.leaderId;
    if (this.#isSearching || status.node !== this.#node || status.state === 'leader') return undefined;
    return leader === null || leader === this.#node || this.#leaders.isSuspect(leader, nowMs) ? undefined : leader;
  }

  /** The node is reachable, and new requests go to it. */
  moveTo(node: number): void {
    this.#node = node;
  }

  /**
   * The next in turn of the nodes that have replied in this search, or undefined if none has: a request to a node that cannot be reached may
   * arrive much later, so that its outcome would be unknown. Suspect ones only if all are.
   */
  nextProbeNode(nodes: readonly number[], nowMs: number): number | undefined {
    const replied = nodes.filter((node) => this.#leaders.hasReplied(node));
    const trusted = replied.filter((node) => !this.#leaders.isSuspect(node, nowMs));
    const candidates = trusted.length > 0 ? trusted : replied;
    this.#probes += 1;
    return candidates[this.#probes % candidates.length];
  }

  #settleOn(node: number): FailoverAction {
    this.#node = node;
    this.#isSearching = false;
    return 'settle';
  }

  #search(): FailoverAction {
    this.#isSearching = true;
    this.#leaders.forgetStatuses();
    this.#attempt = 0;
    return 'search';
  }
}

/** The pause before attempt number `attempts + 1`. @param advisedMs the pause that the node requested, zero if none. */
export function retryDelayMs(random: RandomSource, attempts: number, advisedMs = 0): number {
  const delayMs = advisedMs > 0 ? advisedMs : Math.min(RETRY_MS_MAX, RETRY_MS_MIN * RETRY_GROWTH ** Math.min(attempts, 20));
  return delayMs * (1 + JITTER * (2 * random.nextUnit() - 1));
}
