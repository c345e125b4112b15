import type { NodeStatus } from '../../protocol/client-frame.ts';
import type { Connection } from './connection.ts';
import { LeaderHints } from './leader-hints.ts';

/** The first pause between two attempts. Short: elections take tens of milliseconds, and the first call after one should start soon. */
const RETRY_MS_MIN = 5;
const RETRY_MS_MAX = 200;
const RETRY_GROWTH = 1.5;
/** Relative jitter of each pause, so that clients do not retry at the same time. */
const JITTER = 0.25;

/** The pause before attempt number `attempts + 1`. @param advisedMs the pause that the node requested, zero if none. */
export function retryDelayMs(attempts: number, advisedMs = 0): number {
  const delayMs = advisedMs > 0 ? advisedMs : Math.min(RETRY_MS_MAX, RETRY_MS_MIN * RETRY_GROWTH ** Math.min(attempts, 20));
  return delayMs * (1 + JITTER * (2 * Math.random() - 1));
}

/** The call number of status frames for the client itself. */
export const OWN_STATUS_CALL = 0;

/**
 * Selects the node to send to. *Settled* on one node, or *searching*: then every node is asked for its status at growing intervals, until a
 * node that is not suspect reports itself as leader, or any node replies to a request (a follower forwards).
 */
export class LeaderDiscovery {
  readonly #connection: Connection;
  readonly #view = new LeaderHints();
  #node = 0;
  #isSearching = true;
  #isPaused = true;
  #attempt = 0;
  #nextMs = 0;
  #probes = Math.floor(Math.random() * 1_024);

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** The node to send to, once settled. */
  get node(): number {
    return this.#node;
  }

  get isSearching(): boolean {
    return this.#isSearching;
  }

  /** The first round only requests statuses; from the second on a request is tried too. */
  get isProbing(): boolean {
    return this.#attempt > 0;
  }

  get nextMs(): number {
    return this.#nextMs;
  }

  isDue(nowMs: number): boolean {
    return nowMs >= this.#nextMs;
  }

  /** Begins to search and asks every node at once. @returns when to ask again. */
  start(nowMs: number): number {
    this.#isSearching = true;
    this.#view.forgetStatuses();
    this.#attempt = 0;
    return this.askAll(nowMs);
  }

  /** There is nothing to send: searching pauses until there is. */
  pause(): void {
    this.#isPaused = true;
  }

  startIfPaused(nowMs: number): number {
    return this.#isPaused ? this.start(nowMs) : this.#nextMs;
  }

  /** @returns when to ask again. */
  askAll(nowMs: number): number {
    this.#isPaused = false;
    this.#nextMs = nowMs + retryDelayMs(this.#attempt);
    this.#attempt += 1;
    for (const node of this.#connection.nodeIds()) this.#connection.sendFrame(node, { type: 'status', call: OWN_STATUS_CALL });
    return this.#nextMs;
  }

  askCurrent(): void {
    this.#connection.sendFrame(this.#node, { type: 'status', call: OWN_STATUS_CALL });
  }

  useNode(node: number): void {
    this.#node = node;
    this.#isSearching = false;
  }

  /** @returns whether a leader is known now. */
  useLeader(): boolean {
    const leader = this.#view.leader(performance.now());
    if (leader !== undefined) this.useNode(leader);
    return leader !== undefined;
  }

  /** Moves from a follower to the leader that it names: forwarding costs a hop. The follower still replies to the requests it has. */
  followLeader(status: NodeStatus): void {
    const leader = status.leaderId;
    if (status.node !== this.#node || status.state === 'leader' || leader === null || leader === this.#node) return;
    if (!this.#view.isSuspect(leader, performance.now()) && this.#connection.isReachable(leader)) this.#node = leader;
  }

  /** The next node in turn that is not suspect; any node if all are. */
  nextProbeNode(nowMs: number): number | undefined {
    const nodes = this.#connection.nodeIds();
    const trusted = nodes.filter((node) => !this.#view.isSuspect(node, nowMs));
    const candidates = trusted.length > 0 ? trusted : nodes;
    this.#probes += 1;
    return candidates[this.#probes % candidates.length];
  }

  record(status: NodeStatus): void {
    this.#view.record(status);
  }

  suspect(node: number, nowMs: number): void {
    this.#view.suspect(node, nowMs);
  }

  clearSuspicion(node: number): void {
    this.#view.clearSuspicion(node);
  }

  forgetNode(node: number): void {
    this.#view.forget(node);
  }
}
