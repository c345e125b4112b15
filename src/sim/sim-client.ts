import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { STALLED_MAX } from '../queue/limits.ts';
import { decodeReply, type OperationResult } from '../queue/reply.ts';
import { type AddOptions, RequestEncoder } from '../queue/request.ts';
import type { ReadConsistency } from '../transport/client-frame.ts';
import { READ_CONSISTENCIES, readServerFrames, writeClientFrame } from '../transport/client-frame.ts';
import type { HistoryRecorder, OpenCall, OperationFunction, Results } from './history/history.ts';
import type { Dice } from './plan.ts';
import { Violation } from './violation.ts';
import type { World } from './world.ts';

const QUEUES = ['first', 'second'] as const;
const OUTSTANDING_MAX = 3;
const QUERY_SHARE = 0.2;
/** How often a client looks at once whether what it did is seen. */
const LOOK_SHARE = 0.6;
/** A client keeps the bytes of a request, and repeats them until they are answered. */
interface Request {
  readonly sequence: number;
  readonly bytes: Uint8Array;
  readonly steps: readonly Step[];
  /** It only reads, outside of the log. */
  readonly consistency: ReadConsistency | undefined;
  sends: number;
}

/** One operation of a request: settles its call in the history by what came of it. */
interface Step {
  settle(result: OperationResult): void;
  giveUp(): void;
}

interface Lease {
  readonly job: number;
  readonly token: number;
}

/**
 * A client that adds, claims and finishes jobs, asks about them, repeats what was not answered at whichever node it likes, and writes down
 * what it did.
 */
export class SimClient {
  readonly id: number;
  readonly #world: World;
  readonly #random: Dice;
  readonly #history: HistoryRecorder;
  readonly #encoder = new RequestEncoder();
  readonly #requests = new Map<number, Request>();
  /** Likewise, under a client id of their own, without a session. */
  readonly #queries = new Map<number, Request>();
  readonly #leases: Lease[] = [];
  readonly #jobs: number[] = [];
  #session: number;
  #sessions = 1;
  #sequence = 0;
  #isOpen = false;
  #begun = 0;
  #operationsMax: number;
  #target: number;

  constructor(world: World, id: number, random: Dice, history: HistoryRecorder, operationsMax: number) {
    this.#world = world;
    this.id = id;
    this.#random = random;
    this.#history = history;
    this.#operationsMax = operationsMax;
    this.#session = id * 1_000 + 1;
    this.#target = random.of(world.nodeIds());
  }

  get isIdle(): boolean {
    return this.#requests.size + this.#queries.size === 0;
  }

  start(): void {
    this.#open();
    this.#think();
  }

  /** Begins nothing more; what is under way goes on. */
  stop(): void {
    this.#operationsMax = 0;
  }

  onPacket(node: number, packet: Uint8Array): void {
    for (const frame of readServerFrames(packet)) {
      if (frame.type === 'reply') this.#onReply(decodeReply(frame.reply));
      else if (frame.type === 'rejected') this.#onRejected(this.#requestOf(frame.client, frame.sequence), frame.code, frame.message, node);
    }
  }

  /** The node's channel closed. */
  onLost(node: number): void {
    if (node === this.#target) this.#turnElsewhere();
  }

  #think(): void {
    this.#world.schedule.after(this.#random.between(1, 120), () => {
      if (this.#begun >= this.#operationsMax) return;
      if (this.#isOpen && this.#requests.size + this.#queries.size < OUTSTANDING_MAX) this.#ask();
      this.#think();
    });
  }

  #open(): void {
    this.#isOpen = false;
    this.#begin((encoder) => {
      encoder.openSession();
      return { settle: (result) => this.#onOpened(result), giveUp: () => undefined };
    }, 1);
  }

  /** Everything from now on is sent under the session's id. */
  #onOpened(result: OperationResult): void {
    if (!result.ok || result.type !== 'opened')
      throw new Violation('answers fit their questions', `an opening got ${JSON.stringify(result)}`);
    this.#session = result.client;
    this.#isOpen = true;
  }

  #ask(): void {
    this.#begun += 1;
    const job = this.#jobs[this.#random.below(Math.max(1, this.#jobs.length))];
    if (job !== undefined && this.#random.chance(QUERY_SHARE)) {
      this.#query(job);
      return;
    }
    const count = this.#random.chance(0.2) ? 1 + this.#random.below(3) : 1;
    this.#begin((encoder) => this.#operation(encoder, count === 1), count);
  }

  #begin(encode: (encoder: RequestEncoder) => Step, count: number): void {
    this.#sequence += 1;
    const sequence = this.#sequence;
    const oldest = Math.min(sequence, ...this.#requests.keys());
    this.#encoder.begin(this.#session, sequence, oldest);
    const steps = Array.from({ length: count }, () => encode(this.#encoder));
    const request: Request = { sequence, bytes: this.#encoder.finish(), steps, consistency: undefined, sends: 0 };
    this.#requests.set(sequence, request);
    this.#send(request);
  }

  #query(job: number): void {
    const consistency = this.#random.of<ReadConsistency>(['linearizable', ...READ_CONSISTENCIES]);
    const isCounting = this.#random.chance(0.5);
    this.#read(consistency, (encoder) => (isCounting ? this.#counts(encoder, consistency) : this.#getJob(encoder, job, consistency)));
  }

  /** What was answered must be seen at once, wherever one asks: at the next leader, and at one that does not know yet that it is none. */
  #lookAt(job: number): void {
    if (!this.#random.chance(LOOK_SHARE)) return;
    const consistency = this.#random.of<ReadConsistency>(['linearizable', 'lease']);
    this.#read(consistency, (encoder) => this.#getJob(encoder, job, consistency));
  }

  #read(consistency: ReadConsistency, encode: (encoder: RequestEncoder) => Step): void {
    this.#sequence += 1;
    const sequence = this.#sequence;
    this.#encoder.begin(this.#reader, sequence, sequence);
    const steps = [encode(this.#encoder)];
    const request: Request = { sequence, bytes: this.#encoder.finish(), steps, consistency, sends: 0 };
    this.#queries.set(sequence, request);
    this.#send(request);
  }

  get #reader(): number {
    return this.id * 1_000;
  }

  #requestOf(client: number, sequence: number): Request | undefined {
    if (client === this.#reader) return this.#queries.get(sequence);
    return client === this.#session ? this.#requests.get(sequence) : undefined;
  }

  #forget(request: Request): void {
    (request.consistency === undefined ? this.#requests : this.#queries).delete(request.sequence);
  }

  #send(request: Request): void {
    request.sends += 1;
    const to = new ByteWriter(request.bytes.length + 8);
    const { bytes, consistency } = request;
    writeClientFrame(to, consistency === undefined ? { type: 'request', request: bytes } : { type: 'query', consistency, request: bytes });
    this.#world.sendToNode(this.id, consistency === undefined ? this.#target : this.#whomToAsk(), to.copy());
    this.#sendAgainAfter(request, this.#random.between(150, 700));
  }

  /** Unless it is answered, or was sent again for another reason, meanwhile. */
  #sendAgainAfter(request: Request, delayMs: number): void {
    const { sends } = request;
    this.#world.schedule.after(delayMs, () => {
      const isUnanswered = this.#requests.get(request.sequence) === request || this.#queries.get(request.sequence) === request;
      if (!isUnanswered || request.sends !== sends) return;
      this.#turnElsewhere();
      this.#send(request);
    });
  }

  /** Most of all somebody who may lead no longer without knowing it. */
  #whomToAsk(): number {
    const suspect = this.#random.chance(0.5) ? this.#world.oldestLeader()?.id : undefined;
    return suspect ?? this.#random.of(this.#world.nodeIds());
  }

  #turnElsewhere(): void {
    this.#target = this.#random.of(this.#world.nodeIds());
  }

  #onReply(reply: { readonly client: number; readonly sequence: number; readonly results: readonly OperationResult[] }): void {
    const request = this.#requestOf(reply.client, reply.sequence);
    if (request === undefined) return;
    this.#forget(request);
    if (request.consistency !== undefined) this.#world.coverage.add(`${request.consistency} query answered`);
    if (request.sends > 1) this.#world.coverage.add('request answered that had been sent again');
    const first = reply.results[0];
    if (first !== undefined && !first.ok && first.code === 'SESSION_EXPIRED') {
      for (const step of request.steps) step.giveUp();
      this.#renew();
      return;
    }
    request.steps.forEach((step, at) => {
      const result = reply.results[at];
      if (result === undefined)
        throw new Violation('answers are whole', `a request of ${request.steps.length} got ${reply.results.length} results`);
      step.settle(result);
    });
  }

  /** The memory of this client's answers is gone: what is unanswered stays unknown, and a new session begins. */
  #renew(): void {
    for (const request of this.#requests.values()) for (const step of request.steps) step.giveUp();
    this.#requests.clear();
    this.#sessions += 1;
    this.#session = this.id * 1_000 + this.#sessions;
    this.#sequence = 0;
    this.#open();
  }

  #onRejected(request: Request | undefined, code: string, message: string, node: number): void {
    if (request === undefined) return;
    if (code !== 'NO_LEADER' && code !== 'OVERLOADED' && code !== 'RETRY_LATER')
      throw new Violation('valid requests are taken', `node ${node} answers ${code}: ${message}`);
    if (request.consistency !== undefined) this.#world.coverage.add('query turned away');
    this.#sendAgainAfter(request, this.#random.between(5, 60));
  }

  // ---- operations -----------------------------------------------------------------------------------------------------

  #operation(encoder: RequestEncoder, isAlone: boolean): Step {
    const die = this.#random.below(100);
    const lease = this.#random.chance(0.85) ? this.#leases.shift() : this.#leases[0];
    if (lease !== undefined && die < 60) return this.#finish(encoder, lease);
    if (die < 70) return this.#add(encoder);
    if (die < 90) return this.#claim(encoder, isAlone);
    const job = this.#jobs[this.#random.below(Math.max(1, this.#jobs.length))];
    if (job === undefined) return this.#add(encoder);
    if (die < 93) return this.#counts(encoder);
    if (die < 96) return this.#getJob(encoder, job);
    return die < 98 ? this.#change(encoder, 'redrive', job) : this.#change(encoder, 'remove', job);
  }

  #add(encoder: RequestEncoder): Step {
    const queue = this.#random.of(QUEUES);
    const key = `${this.id}-${this.#session}-${this.#sequence}-${encoder.operations}`;
    const options: AddOptions = {
      delayMs: this.#random.chance(0.2) ? this.#random.below(400) : 0,
      priority: this.#random.chance(0.2) ? 1 + this.#random.below(3) : 0,
      attemptsMax: 1 + this.#random.below(3),
      backoff: this.#random.chance(0.3) ? { type: 'fixed', delayMs: 50 } : { type: 'none', delayMs: 0 },
      keepCompleted: -1,
      keepFailed: -1,
    };
    const content = encodeKey(key, this.#random.chance(0.1) ? 500 : 0);
    encoder.add(queue, content, options);
    const { priority, delayMs, attemptsMax } = options;
    const call = this.#history.invoke('add', { key, queue, priority, delayMs, attemptsMax, keepCompleted: -1, keepFailed: -1 });
    return this.#step(call, (result) => {
      if (result.type !== 'added') return undefined;
      this.#jobs.push(result.id);
      this.#world.keys.set(result.id, key);
      this.#world.queues.set(result.id, queue);
      this.#lookAt(result.id);
      return { job: result.id };
    });
  }

  #claim(encoder: RequestEncoder, isAlone: boolean): Step {
    const queue = this.#random.of(QUEUES);
    const countMax = 1 + this.#random.below(3);
    const leaseMs = this.#random.of([60, 400, 3_000]);
    const waitMs = isAlone && this.#random.chance(0.4) ? 200 : 0;
    encoder.claim(queue, { countMax, beginMax: countMax, leaseMs, waitMs, stalledMax: STALLED_MAX, holder: this.id });
    const call = this.#history.invoke('claim', { queue, countMax, leaseMs, waitMs });
    return this.#step(call, (result) => {
      if (result.type !== 'claimed') return undefined;
      for (const { id, token } of result.jobs) this.#leases.push({ job: id, token });
      if (result.jobs.some(({ attempt }) => attempt > 1)) this.#world.coverage.add('job claimed again after a failure or a lost lease');
      if (waitMs > 0 && result.jobs.length > 0) this.#world.coverage.add('claim waited for a job');
      // The answer to a request that was sent again may name a job that was removed meanwhile, with nothing of it left.
      const keyOf = (job: number, content: Uint8Array | undefined): string =>
        content === undefined ? this.#world.keyOf(job) : decodeKey(content);
      return { jobs: result.jobs.map(({ id, token, attempt, content }) => ({ job: id, token, attempt, key: keyOf(id, content) })) };
    });
  }

  #finish(encoder: RequestEncoder, { job, token }: Lease): Step {
    const die = this.#random.below(100);
    if (die < 55) {
      encoder.complete(job, token, new Uint8Array(4));
      return this.#step(this.#history.invoke('complete', { job, token }), () => {
        this.#lookAt(job);
        return null;
      });
    }
    if (die < 75) {
      const retry = this.#random.chance(0.7);
      encoder.fail(job, token, 'no luck', retry);
      return this.#step(this.#history.invoke('fail', { job, token, retry }), nothing);
    }
    if (die < 88) {
      const leaseMs = this.#random.of([100, 1_000]);
      encoder.extend(job, token, leaseMs);
      this.#leases.push({ job, token });
      return this.#step(this.#history.invoke('extend', { job, token, leaseMs }), nothing);
    }
    encoder.release(job, token);
    return this.#step(this.#history.invoke('release', { job, token }), nothing);
  }

  #counts(encoder: RequestEncoder, consistency?: ReadConsistency): Step {
    const queue = this.#random.of(QUEUES);
    encoder.counts(queue);
    return this.#step(this.#history.invoke('counts', { queue, ...promised(consistency) }), (result) =>
      result.type === 'counts' ? { ...result.counts } : undefined,
    );
  }

  #getJob(encoder: RequestEncoder, job: number, consistency?: ReadConsistency): Step {
    encoder.getJob(job);
    const call = this.#history.invoke('getJob', { job, ...promised(consistency) });
    return {
      settle: (result) => {
        if (result.ok && result.type === 'job') {
          const { state, token, content } = result.job;
          call.ok({ state, token, key: decodeKey(content) });
        } else if (!result.ok && result.code === 'JOB_NOT_FOUND') call.ok({ state: null });
        else throw new Violation('answers fit their questions', `getJob got ${JSON.stringify(result)}`);
      },
      giveUp: () => call.info('session expired'),
    };
  }

  #change(encoder: RequestEncoder, f: 'redrive' | 'remove', job: number): Step {
    const queue = this.#world.queues.get(job) ?? QUEUES[0];
    if (f === 'redrive') encoder.retry(queue, job);
    else encoder.remove(queue, job);
    return this.#step(this.#history.invoke(f, { job }), nothing);
  }

  /** @param toResult what the history notes of a good result; undefined when it does not answer this call. */
  #step<F extends OperationFunction>(
    call: OpenCall<F>,
    toResult: (result: OperationResult & { ok: true }) => Results[F] | undefined,
  ): Step {
    return {
      settle: (result) => {
        if (!result.ok) {
          if (result.code === 'LEASE_LOST') this.#world.coverage.add('stale token refused');
          call.fail(result.code);
          return;
        }
        const value = toResult(result);
        if (value === undefined) throw new Violation('answers fit their questions', `got ${result.type}`);
        call.ok(value);
      },
      giveUp: () => call.info('session expired'),
    };
  }
}

const nothing = () => null;

/** A lease promises the same as a linearizable reading, and is held to it. */
const promised = (consistency: ReadConsistency | undefined) => (consistency === 'stale' ? { consistency } : {});

function encodeKey(key: string, padding: number): Uint8Array {
  const to = new ByteWriter(64 + padding);
  to.text(key);
  to.raw(new Uint8Array(padding));
  return to.copy();
}

function decodeKey(content: Uint8Array | undefined): string {
  return content === undefined ? '' : new ByteReader(content).text();
}
