import { ByteWriter } from '../base/bytes.ts';
import { readServerFrames, writeClientFrame } from '../protocol/client-frame.ts';
import { decodeReply, type OperationResult } from '../protocol/reply.ts';
import { ADD_DEFAULTS, type RequestEncoder as Encoder, RequestEncoder, SESSION_ID_END } from '../protocol/request-encoder.ts';
import type { SimCluster } from './sim-cluster.ts';
import { checkProperty } from './violation.ts';

const POLL_MS = 5;
/** An unanswered request is sent again after this time. */
const REPEAT_MS = 400;
const ANSWER_WITHIN_MS = 20_000;
/** Smaller ones belong to the flood. */
const OPENING_NUMBERS_FROM = 100;

/** Jobs of the probe; no other client uses this queue. */
export const PROBE_QUEUE = 'probe';
/** The same for the jobs that it finishes. */
const FINISHED_QUEUE = 'kept';
/** It never has jobs: a claim on it waits for its full time. */
const EMPTY_QUEUE = 'empty';

/** More than a few replies take. */
const LONG_LEASE_MS = 600_000;
const CLAIM_OPTIONS = { countMax: 1, beginMax: 1, leaseMs: 1_000, waitMs: 0, stalledMax: 0, holder: 0 };

/** A client of a cluster without faults: it sends one request at a time, and advances the cluster until the reply arrives. */
export class Probe {
  readonly #cluster: SimCluster;
  readonly #connection: number;
  readonly #encoder = new RequestEncoder();
  readonly #replies = new Map<number, readonly OperationResult[]>();
  /** The session's id, or the number of its opening. */
  #client: number;
  #sequence = 0;
  #isOpen = false;
  #openings = 0;

  constructor(cluster: SimCluster, connection: number) {
    this.#cluster = cluster;
    this.#connection = connection;
    this.#client = this.#openingNumber(OPENING_NUMBERS_FROM);
    cluster.attach(connection, (packet) => this.#onPacket(packet));
  }

  /** Adds a job with this delay, and claims another one under this lease. No further command follows for either. */
  leaveDue(delayMs: number, leaseMs: number): void {
    this.#open();
    this.#call((to) => to.add(PROBE_QUEUE, new Uint8Array(1), { ...ADD_DEFAULTS, delayMs }));
    this.#call((to) => to.add(PROBE_QUEUE, new Uint8Array(1), ADD_DEFAULTS));
    const [claimed] = this.#call((to) => to.claim(PROBE_QUEUE, { ...CLAIM_OPTIONS, leaseMs }));
    checkProperty(
      claimed?.ok === true && claimed.type === 'claimed' && claimed.jobs.length === 1,
      'progress once everything is healed',
      () => `the probe claims a job that waits, and gets ${JSON.stringify(claimed)}`,
    );
  }

  /**
   * Adds a job and completes it. @returns how many completed jobs its queue then keeps; undefined when the probe's session has ended.
   */
  finish(keepCompleted: number): number | undefined {
    this.#open();
    const [, claimed] = this.#call((to) => {
      to.add(FINISHED_QUEUE, new Uint8Array(1), { ...ADD_DEFAULTS, keepCompleted });
      to.claim(FINISHED_QUEUE, { ...CLAIM_OPTIONS, leaseMs: LONG_LEASE_MS });
    });
    const job = claimed?.ok === true && claimed.type === 'claimed' ? claimed.jobs[0] : undefined;
    if (job === undefined) return undefined;
    const [completed, counted] = this.#call((to) => {
      to.complete(job.id, job.token, new Uint8Array(0));
      to.command('counts', { queue: FINISHED_QUEUE });
    });
    return completed?.ok === true && counted?.ok === true && counted.type === 'counts' ? counted.counts.completed : undefined;
  }

  /** Sends a claim that waits for a job that is never added. @returns a function that says whether the claim has a reply. */
  leaveWaiting(waitMs: number): () => boolean {
    this.#open();
    const sequence = this.#send((to) => to.claim(EMPTY_QUEUE, { ...CLAIM_OPTIONS, waitMs }));
    return () => this.#replies.has(sequence);
  }

  /** Sends requests to a node, one entry each, without waiting for replies. */
  flood(node: number, requests: number, everyMs: number): void {
    for (let sent = 0; sent < requests; sent += 1) {
      this.#encoder.begin(this.#openingNumber(1 + sent), 1, 1);
      this.#encoder.command('openSession', {});
      const packet = requestPacket(this.#encoder.finish());
      this.#cluster.schedule.after(sent * everyMs, () => this.#cluster.sendToNode(this.#connection, node, packet));
    }
  }

  #openingNumber(which: number): number {
    return SESSION_ID_END + this.#connection * 1_000 + which;
  }

  #open(): void {
    // Where sessions end early, or few are kept, this one may have ended: the flood opens many, and a later leader may commit them.
    const { sessionIdleMsMax, sessionsMax } = this.#cluster.plan.bounds;
    if (this.#isOpen && sessionIdleMsMax === undefined && sessionsMax === undefined) return;
    this.#openings += 1;
    this.#client = this.#openingNumber(OPENING_NUMBERS_FROM + this.#openings);
    this.#sequence = 0;
    this.#replies.clear();
    const [opened] = this.#call((to) => to.command('openSession', {}));
    checkProperty(
      opened?.ok === true && opened.type === 'opened',
      'replies fit their requests',
      () => `an opening got ${JSON.stringify(opened)}`,
    );
    this.#client = opened.client;
    this.#sequence = 0;
    this.#replies.clear();
    this.#isOpen = true;
  }

  #send(write: (to: Encoder) => void): number {
    this.#sequence += 1;
    // Late replies are received too: none is acknowledged.
    this.#encoder.begin(this.#client, this.#sequence, 1);
    write(this.#encoder);
    this.#repeat(this.#client, this.#sequence, requestPacket(this.#encoder.finish()));
    return this.#sequence;
  }

  #repeat(client: number, sequence: number, packet: Uint8Array): void {
    if (client !== this.#client || this.#replies.has(sequence)) return;
    const to = this.#cluster.leader() ?? this.#cluster.nodes.values().next().value;
    if (to !== undefined) this.#cluster.sendToNode(this.#connection, to.id, packet);
    this.#cluster.schedule.after(REPEAT_MS, () => this.#repeat(client, sequence, packet));
  }

  #call(write: (to: Encoder) => void): readonly OperationResult[] {
    const sequence = this.#send(write);
    const deadlineMs = this.#cluster.schedule.nowMs + ANSWER_WITHIN_MS;
    for (;;) {
      const reply = this.#replies.get(sequence);
      if (reply !== undefined) return reply;
      checkProperty(
        this.#cluster.schedule.nowMs < deadlineMs,
        'progress once everything is healed',
        () => `no reply: ${this.#cluster.describe()}`,
      );
      this.#cluster.runUntil(this.#cluster.schedule.nowMs + POLL_MS);
    }
  }

  #onPacket(packet: Uint8Array): void {
    for (const frame of readServerFrames(packet)) {
      if (frame.type !== 'reply') continue;
      const { client, sequence, results } = decodeReply(frame.reply);
      if (client === this.#client) this.#replies.set(sequence, results);
    }
  }
}

function requestPacket(request: Uint8Array): Uint8Array {
  const to = new ByteWriter(request.length + 8);
  writeClientFrame(to, { type: 'request', request });
  return to.copy();
}
