import { ByteWriter } from '../base/bytes.ts';
import type { ReadConsistency } from '../protocol/client-frame.ts';
import { READ_CONSISTENCIES, readServerFrames, writeClientFrame } from '../protocol/client-frame.ts';
import { MACHINE_VERSION } from '../protocol/machine-version.ts';
import { decodeReply, type OperationResult } from '../protocol/reply.ts';
import { RequestEncoder } from '../protocol/request-encoder.ts';
import type { QueueRecords } from './queue-records.ts';
import { SimOperations, type Step } from './sim-operations.ts';
import type { SimRandom } from './sim-random.ts';
import { SimSession } from './sim-session.ts';
import { Version1Encoder } from './version-1-encoder.ts';
import { checkProperty, Violation } from './violation.ts';
import type { World } from './world.ts';

const QUERY_SHARE = 0.2;
/** How often a client immediately reads its own writes. */
const LOOK_SHARE = 0.6;
/** How often a copy of a request arrives late, perhaps long after the reply. Openings are few. */
const LATE_COPY_SHARE = 0.05;
/** The same, for plans in which sessions end early. */
const LATE_COPY_SHARE_BOUNDED = 0.3;
const LATE_OPENING_SHARE = 0.5;
const LATE_COPY_MS_MAX = 8_000;
const LATE_COPIES_MAX = 20;
const CONNECTIONS_APART = 10_000;
const SILENCE_SHARE = 0.05;

/** A client keeps the bytes of a request, and repeats them until it receives a reply. */
interface Request {
  readonly client: number;
  readonly sequence: number;
  readonly bytes: Uint8Array;
  readonly steps: readonly Step[];
  /** A query, which only reads, outside of the log. */
  readonly consistency: ReadConsistency | undefined;
  readonly isOpening: boolean;
  /** When it was sent first. */
  readonly sentMs: number;
  sends: number;
  /** Sends, and late copies. */
  copies: number;
}

/**
 * A client that adds, claims, finishes and reads jobs, repeats requests without a reply at any node, and records
 * its operations.
 */
export class SimClient {
  readonly id: number;
  /** The number of its channels at every node; each process of the client has another one. */
  connection: number;
  readonly #world: World;
  readonly #random: SimRandom;
  readonly #operations: SimOperations;
  readonly #encoder = new RequestEncoder();
  readonly #encoder1 = new Version1Encoder();
  readonly #requests = new Map<number, Request>();
  /** The same for queries, under a separate client id, without a session. */
  readonly #queries = new Map<number, Request>();
  /** All openings, and the latest other requests, answered or not. */
  readonly #sent: Request[] = [];
  readonly #session: SimSession;
  /** Numbers of queries grow through all sessions: a reply to an earlier query may arrive late. */
  #querySequence = 0;
  /** The state-machine version that the client believes the cluster to have. */
  #version = MACHINE_VERSION;
  #begun = 0;
  #operationsMax: number;
  #target: number;

  constructor(world: World, id: number, random: SimRandom, records: QueueRecords, operationsMax: number) {
    this.#world = world;
    this.id = id;
    this.connection = id;
    this.#random = random;
    this.#session = new SimSession(world, id, records.sessions);
    this.#operations = new SimOperations(id, world, random, records, (job) => this.#lookAt(job));
    this.#operationsMax = operationsMax;
    this.#target = random.of(world.nodeIds());
  }

  get isIdle(): boolean {
    return this.#requests.size + this.#queries.size === 0;
  }

  start(): void {
    this.#open();
    this.#think();
  }

  /** Starts nothing more; operations in progress continue. */
  stop(): void {
    this.#operationsMax = 0;
  }

  onPacket(node: number, packet: Uint8Array): void {
    for (const frame of readServerFrames(packet)) {
      if (frame.type === 'reply') this.#onReply(decodeReply(frame.reply));
      else if (frame.type === 'rejected') {
        const { client, sequence, code, message } = frame;
        const request = this.#requestOf(client, sequence);
        if (request !== undefined) this.#onRejected(request, code, `node ${node} replies ${code}: ${message}`);
      }
    }
  }

  /** The client's process ends, and another one replaces it: its requests and leases are dropped. */
  restart(): void {
    this.connection += CONNECTIONS_APART;
    for (const request of [...this.#requests.values(), ...this.#queries.values()]) for (const step of request.steps) step.giveUp();
    this.#requests.clear();
    this.#queries.clear();
    this.#operations.forget();
    this.#open();
  }

  /** Recently sent requests arrive once more, in their order. */
  sendLateCopies(): void {
    let delayMs = 0;
    for (const request of this.#sent) {
      delayMs += this.#random.between(1, 30);
      this.#world.schedule.after(delayMs, () => this.#sendBytes(request, this.#whomToAsk()));
    }
  }

  /** The node's channel closed. */
  onLost(node: number): void {
    if (node === this.#target) this.#turnElsewhere();
  }

  #think(): void {
    this.#world.schedule.after(this.#pauseMs(), () => {
      if (this.#begun >= this.#operationsMax) return;
      const { burstMax, outstandingMax } = this.#world.plan.workload;
      for (let left = burstMax > 1 ? 1 + this.#random.below(burstMax) : 1; left > 0; left -= 1)
        if (this.#session.isOpen && this.#requests.size + this.#queries.size < outstandingMax) this.#ask();
      this.#think();
    });
  }

  /** Pause before it starts something; where sessions end after a short time, sometimes longer than that. */
  #pauseMs(): number {
    const { sessionIdleMsMax } = this.#world.plan.bounds;
    const isSilent = sessionIdleMsMax !== undefined && this.#random.withProbability(SILENCE_SHARE);
    return isSilent ? sessionIdleMsMax * this.#random.between(0.5, 2) : this.#random.between(1, 120);
  }

  #open(): void {
    this.#session.begin();
    const step = {
      settle: (result: OperationResult) => this.#session.onOpened(result),
      giveUp: () => undefined,
      reject: () => this.#open(),
    };
    this.#begin(
      (encoder) => {
        encoder.command('openSession', {});
        return step;
      },
      1,
      true,
    );
  }

  #ask(): void {
    this.#begun += 1;
    const job = this.#operations.anyJob();
    if (job !== undefined && this.#random.withProbability(QUERY_SHARE)) {
      this.#query(job);
      return;
    }
    const count = this.#random.withProbability(0.2) ? 1 + this.#random.below(this.#world.plan.workload.operationsPerRequestMax) : 1;
    this.#begin((encoder) => this.#operations.next(encoder, count === 1, this.#version), count);
  }

  #begin(encode: (encoder: RequestEncoder) => Step, count: number, isOpening = false): void {
    const sequence = this.#session.nextSequence();
    const oldest = Math.min(sequence, ...this.#requests.keys());
    const encoder = this.#version === 1 ? this.#encoder1 : this.#encoder;
    encoder.begin(this.#session.id, sequence, oldest);
    const steps = Array.from({ length: count }, () => encode(encoder));
    const bytes = encoder.finish();
    const client = this.#session.id;
    const request: Request = {
      client,
      sequence,
      bytes,
      steps,
      consistency: undefined,
      isOpening,
      sentMs: this.#nowMs,
      sends: 0,
      copies: 0,
    };
    this.#requests.set(sequence, request);
    if (this.#requests.size > 3) this.#world.coverage.add('more than three requests unanswered');
    if (this.#sent.push(request) > LATE_COPIES_MAX)
      this.#sent.splice(
        this.#sent.findIndex((sent) => !sent.isOpening),
        1,
      );
    this.#send(request);
    const lateShare = this.#areSessionsBounded ? LATE_COPY_SHARE_BOUNDED : LATE_COPY_SHARE;
    if (!this.#random.withProbability(isOpening ? LATE_OPENING_SHARE : lateShare)) return;
    // A copy that has yet to arrive counts, too: a request that is rejected now may be executed then.
    request.copies += 1;
    this.#world.schedule.after(this.#random.between(0, LATE_COPY_MS_MAX), () => this.#sendBytes(request, this.#whomToAsk()));
  }

  #query(job: number): void {
    const consistency = this.#random.of<ReadConsistency>(['linearizable', ...READ_CONSISTENCIES]);
    const isCounting = this.#random.withProbability(0.5);
    const operations = this.#operations;
    this.#read(consistency, (encoder) =>
      isCounting ? operations.readQueue(encoder, consistency) : operations.getJob(encoder, job, consistency),
    );
  }

  /** Acknowledged writes must be visible at once at any node: at the next leader, and at a deposed leader that has not noticed it yet. */
  #lookAt(job: number): void {
    if (!this.#random.withProbability(LOOK_SHARE)) return;
    const consistency = this.#random.of<ReadConsistency>(['linearizable', 'lease']);
    this.#read(consistency, (encoder) => this.#operations.getJob(encoder, job, consistency));
  }

  #read(consistency: ReadConsistency, encode: (encoder: RequestEncoder) => Step): void {
    this.#querySequence += 1;
    const sequence = this.#querySequence;
    this.#encoder.begin(this.#reader, sequence, sequence);
    const steps = [encode(this.#encoder)];
    const bytes = this.#encoder.finish();
    const client = this.#reader;
    const request: Request = { client, sequence, bytes, steps, consistency, isOpening: false, sentMs: this.#nowMs, sends: 0, copies: 0 };
    this.#queries.set(sequence, request);
    this.#send(request);
  }

  get #nowMs(): number {
    return this.#world.schedule.nowMs;
  }

  get #reader(): number {
    return this.id * 1_000;
  }

  #requestOf(client: number, sequence: number): Request | undefined {
    const request = (client === this.#reader ? this.#queries : this.#requests).get(sequence);
    return request?.client === client ? request : undefined;
  }

  #forget(request: Request): void {
    (request.consistency === undefined ? this.#requests : this.#queries).delete(request.sequence);
  }

  #send(request: Request): void {
    request.sends += 1;
    this.#sendBytes(request, request.consistency === undefined ? this.#target : this.#whomToAsk());
    this.#sendAgainAfter(request, this.#random.between(150, 700));
  }

  #sendBytes(request: Request, node: number): void {
    const { bytes, consistency } = request;
    request.copies += 1;
    const to = new ByteWriter(bytes.length + 8);
    writeClientFrame(to, consistency === undefined ? { type: 'request', request: bytes } : { type: 'query', consistency, request: bytes });
    this.#world.sendToNode(this.connection, node, to.copy());
  }

  /** Unless it has a reply, or was sent again for another reason, in the meantime. */
  #sendAgainAfter(request: Request, delayMs: number): void {
    const { sends } = request;
    this.#world.schedule.after(delayMs, () => {
      if (this.#requestOf(request.client, request.sequence) !== request || request.sends !== sends) return;
      this.#turnElsewhere();
      this.#send(request);
    });
  }

  /** Preferably a node that may have been deposed without noticing it. */
  #whomToAsk(): number {
    const suspect = this.#random.withProbability(0.5) ? this.#world.oldestLeader()?.id : undefined;
    return suspect ?? this.#random.of(this.#world.nodeIds());
  }

  #turnElsewhere(): void {
    this.#target = this.#random.of(this.#world.nodeIds());
  }

  #onReply(reply: { readonly client: number; readonly sequence: number; readonly results: readonly OperationResult[] }): void {
    const request = this.#requestOf(reply.client, reply.sequence);
    if (request === undefined) {
      this.#onLateReply(reply.results);
      return;
    }
    checkProperty(
      !request.steps.some(({ isOversized }) => isOversized === true),
      'limits hold',
      () => `a payload beyond the limit is taken`,
    );
    this.#forget(request);
    if (request.consistency !== undefined) this.#world.coverage.add(`${request.consistency} query answered`);
    if (request.sends > 1) this.#world.coverage.add('request answered that had been sent again');
    const first = reply.results[0];
    if (first !== undefined && !first.ok && first.code === 'SESSION_EXPIRED') {
      for (const step of request.steps) step.giveUp();
      this.#onExpired(request.client);
      return;
    }
    this.#session.onUsed(request.client, request.sentMs);
    request.steps.forEach((step, at) => {
      const result = reply.results[at];
      if (result === undefined)
        throw new Violation('replies are whole', `a request of ${request.steps.length} got ${reply.results.length} results`);
      step.settle(result);
    });
  }

  /** A reply to a late copy, or to a request that was given up. */
  #onLateReply(results: readonly OperationResult[]): void {
    const isRejected = results[0]?.ok === false && results[0].code === 'SESSION_EXPIRED';
    if (isRejected) this.#world.coverage.add('late request rejected behind the end of its session');
  }

  get #areSessionsBounded(): boolean {
    return Object.keys(this.#world.plan.bounds).some((bound) => bound.startsWith('session'));
  }

  #onExpired(session: number): void {
    this.#session.checkEnd(session);
    for (const request of this.#requests.values()) for (const step of request.steps) step.giveUp();
    this.#requests.clear();
    this.#open();
  }

  #onRejected(request: Request, code: string, message: string): void {
    if (code === 'VERSION') {
      this.#onOtherVersion(request);
      return;
    }
    if (code === 'TOO_LARGE' && request.steps.some(({ isOversized }) => isOversized === true)) {
      this.#world.coverage.add('payload rejected since it is too large');
      this.#forget(request);
      for (const step of request.steps) step.reject(code);
      return;
    }
    if (code !== 'NO_LEADER' && code !== 'OVERLOADED' && code !== 'RETRY_LATER') throw new Violation('valid requests are taken', message);
    if (request.consistency !== undefined) this.#world.coverage.add('query turned away');
    this.#sendAgainAfter(request, this.#random.between(5, 60));
  }

  /** The cluster has another version than the client assumed. A copy, of the client or of the network, may be accepted under that one. */
  #onOtherVersion(request: Request): void {
    checkProperty(this.#world.plan.isVersionAsked, 'valid requests are taken', () => 'the cluster has another version from the start');
    this.#forget(request);
    this.#version = this.#version === 1 ? MACHINE_VERSION : 1;
    const { network, faults } = this.#world.plan;
    const isRepeated = request.copies > 1 || network.duplicateProbability > 0 || faults.some(({ type }) => type === 'replay');
    for (const step of request.steps) {
      if (isRepeated && !request.isOpening) step.giveUp();
      else step.reject('VERSION');
    }
  }
}
