import { ByteReader } from '../base/bytes.ts';
import { COMMANDS } from '../protocol/commands.ts';
import { HEADER_BYTES, readRequestHeader } from '../protocol/request-encoder.ts';
import { STATE_BOUNDS } from '../queue/state-bounds.ts';
import type { SessionModel } from './session-model.ts';
import type { SimCluster } from './sim-cluster.ts';
import { checkProperty } from './violation.ts';

/** Slow clocks count slightly less time than elapses. */
const IDLE_SHARE_MIN = 0.9;
/** How many of the latest requests are remembered beside all openings and the unanswered ones. */
const REMEMBERED_MAX = 20;
const MANY_UNANSWERED = 3;

/** A request as its client sent it, perhaps more than once. */
export interface SentRequest {
  readonly client: number;
  readonly sequence: number;
  readonly packet: Uint8Array;
  readonly isOpening: boolean;
  readonly isQuery: boolean;
  /** When it was sent first. */
  readonly sentMs: number;
  sends: number;
  hasReply: boolean;
}

interface UsedSession {
  /** The highest sequence of its requests. */
  sequence: number;
  /** When the last request was sent that it is known to have executed. */
  usedMs: number;
}

/** Observes the requests and replies of one client on its channels: what the cluster must do with its sessions. */
export class RequestWatch {
  readonly #cluster: SimCluster;
  readonly #clientId: number;
  readonly #model: SessionModel;
  /** By client and sequence: unanswered requests, all openings, and the latest other ones, in the order of their first sending. */
  readonly #sent = new Map<string, SentRequest>();
  readonly #sessions = new Map<number, UsedSession>();

  constructor(cluster: SimCluster, clientId: number, model: SessionModel) {
    this.#cluster = cluster;
    this.#model = model;
    this.#clientId = clientId;
  }

  /** Requests with a reply, in the order of their first sending. */
  get answered(): readonly SentRequest[] {
    return [...this.#sent.values()].filter(({ hasReply, isQuery }) => hasReply && !isQuery);
  }

  /** @returns the request; `sends` is 1 when it is sent for the first time. */
  onSent(request: Uint8Array, isQuery: boolean, packet: Uint8Array): SentRequest {
    const { client, sequence, acknowledgedBelow } = readRequestHeader(new ByteReader(request));
    const known = this.#sent.get(keyOf(client, sequence));
    if (known !== undefined) {
      known.sends += 1;
      return known;
    }
    const isOpening = request[HEADER_BYTES] === COMMANDS.openSession.code;
    const sent: SentRequest = {
      ...{ client, sequence, packet: packet.slice(), isOpening, isQuery },
      ...{ sentMs: this.#cluster.schedule.nowMs, sends: 1, hasReply: false },
    };
    this.#forgetGivenUp(client, acknowledgedBelow);
    this.#sent.set(keyOf(client, sequence), sent);
    if (!isQuery && !isOpening) {
      const session = this.#sessions.get(client) ?? { sequence: 0, usedMs: 0 };
      this.#sessions.set(client, { ...session, sequence: Math.max(session.sequence, sequence) });
    }
    this.#forgetOldest();
    const unanswered = [...this.#sent.values()].filter(({ hasReply }) => !hasReply);
    if (unanswered.length > MANY_UNANSWERED) this.#cluster.coverage.add('more than three requests unanswered');
    return sent;
  }

  /** A node rejects a sending for now. */
  onTurnedAway(client: number, sequence: number): void {
    const request = this.#sent.get(keyOf(client, sequence));
    if (request !== undefined) this.#cluster.coverage.add(request.isQuery ? 'query turned away' : 'request turned away');
  }

  /** A whole reply arrives. */
  onReply(client: number, sequence: number, isExpired: boolean): void {
    const request = this.#sent.get(keyOf(client, sequence));
    if (request === undefined || request.hasReply) return;
    request.hasReply = true;
    if (request.sends > 1) this.#cluster.coverage.add('request answered that had been sent again');
    if (request.isQuery || request.isOpening) return;
    if (isExpired) this.#checkEnd(client);
    else this.#onUsed(request);
  }

  /** The client's process ends: no client awaits a reply. */
  forgetUnanswered(): void {
    for (const [key, { hasReply }] of this.#sent) if (!hasReply) this.#sent.delete(key);
  }

  #onUsed({ client, sentMs }: SentRequest): void {
    const session = this.#sessions.get(client);
    if (session !== undefined) session.usedMs = Math.max(session.usedMs, sentMs);
  }

  /** The client no longer awaits a reply to what it acknowledges. */
  #forgetGivenUp(client: number, acknowledgedBelow: number): void {
    for (const [key, sent] of this.#sent)
      if (sent.client === client && sent.sequence < acknowledgedBelow && !sent.hasReply) this.#sent.delete(key);
  }

  #forgetOldest(): void {
    let surplus = this.#sent.size - REMEMBERED_MAX;
    for (const [key, { hasReply, isOpening }] of this.#sent) {
      if (surplus <= 0) return;
      surplus -= 1;
      if (hasReply && !isOpening) this.#sent.delete(key);
    }
  }

  /** A session ends because it was idle for too long, or because it is the least recently used one of too many. */
  #checkEnd(id: number): void {
    const { coverage, plan, schedule } = this.#cluster;
    const { sequence, usedMs } = this.#sessions.get(id) ?? { sequence: 0, usedMs: 0 };
    const { sessionIdleMsMax, sessionRepliesMax, sessionReplyBytesMax } = { ...STATE_BOUNDS, ...plan.bounds };
    const end = this.#model.endOf(id);
    const idleMs = schedule.nowMs - usedMs;
    // Any reply may be the oldest unacknowledged one.
    const isForgotten = sequence > sessionRepliesMax || sessionReplyBytesMax < STATE_BOUNDS.sessionReplyBytesMax;
    coverage.add('session expired');
    if (end === 'idle') coverage.add('session ended since it was idle');
    else if (end === 'evicted') coverage.add('session evicted since there were too many');
    else coverage.add('request rejected since its reply was forgotten');
    // Version 1 uses the leaders' wall clocks.
    const isInTime = end !== 'idle' || idleMs > sessionIdleMsMax * IDLE_SHARE_MIN || plan.isVersionAsked;
    checkProperty(
      isInTime && (end !== undefined || isForgotten),
      'a session that is used stays',
      () => `client ${this.#clientId} used session ${id} ${Math.round(idleMs)} ms ago, and it is gone (${end ?? 'it should still exist'})`,
    );
  }
}

const keyOf = (client: number, sequence: number): string => `${client}/${sequence}`;
