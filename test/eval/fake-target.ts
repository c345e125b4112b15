import { ConsumeRecord, DELIVERED, sharedDeliveries } from '../../eval/load/consume-record.ts';
import type { LoadThreads } from '../../eval/load/load-threads.ts';
import { sendMessages } from '../../eval/load/send-messages.ts';
import { SENT, SendRecord, sharedSendCounts } from '../../eval/load/send-record.ts';
import type { Clock } from '../../eval/measuring/clock.ts';
import { PayloadCodec } from '../../eval/measuring/payload.ts';
import type { AddOutcome, Consumer, ConsumerOptions, RunningSystem, SystemUnderTest } from '../../eval/replay/system-under-test.ts';

/** Faults of a queue; message numbers count from 1 in each queue named `messages`. */
export interface FakeFaults {
  /** Acknowledged and dropped. */
  readonly lose?: (message: number) => boolean;
  /** Delivered and completed twice. */
  readonly duplicate?: (message: number) => boolean;
  readonly corrupt?: (message: number) => boolean;
  /** Rejected: nothing was applied. */
  readonly reject?: (message: number) => boolean;
  /** Rejected although it was applied. */
  readonly leaveUnknown?: (message: number) => boolean;
  readonly failToStart?: boolean;
  /** Called after each add; a hook for interruptions. */
  readonly onAdd?: (message: number) => void;
}

class Rejection extends Error {
  readonly outcome: AddOutcome;
  constructor(outcome: AddOutcome) {
    super('rejected');
    this.outcome = outcome;
  }
}

/**
 * A queue in memory, to prove that the harness detects the outcome of each message.
 * @param clock of sender and consumer of an open loop.
 */
export function fakeTarget(faults: FakeFaults = {}, clock: Clock = new FakeClock()): SystemUnderTest & { readonly stopped: () => number } {
  let stopped = 0;
  return {
    name: 'fake',
    transport: 'memory',
    stopped: () => stopped,
    async start() {
      if (faults.failToStart) throw new Error('no leader within 10 s');
      const system = new FakeSystem(faults, clock);
      return Object.assign(system, {
        stop: async () => {
          stopped += 1;
        },
      });
    },
  };
}

class FakeSystem implements RunningSystem {
  readonly #faults: FakeFaults;
  readonly #clock: Clock;
  readonly #queues = new Map<string, { added: number; waiting: Uint8Array[]; consumer: ConsumerOptions | undefined }>();
  #adds = 0;

  constructor(faults: FakeFaults, clock: Clock) {
    this.#faults = faults;
    this.#clock = clock;
  }

  async add(name: string, payload: Uint8Array): Promise<void> {
    const queue = this.#queue(name);
    queue.added += 1;
    this.#adds += 1;
    const faults: FakeFaults = name === 'messages' ? this.#faults : {};
    const message = queue.added;
    await Promise.resolve();
    faults.onAdd?.(message);
    if (faults.reject?.(message)) throw new Rejection('not-applied');
    if (!faults.lose?.(message)) {
      const copy = payload.slice();
      if (faults.corrupt?.(message)) copy[copy.length - 1] = (copy.at(-1) ?? 0) ^ 0xff;
      queue.waiting.push(copy);
      if (faults.duplicate?.(message)) queue.waiting.push(copy);
    }
    this.#deliver(name);
    if (faults.leaveUnknown?.(message)) throw new Rejection('unknown');
  }

  addOutcome(error: unknown): AddOutcome {
    return error instanceof Rejection ? error.outcome : 'unknown';
  }

  async consume(name: string, options: ConsumerOptions): Promise<Consumer> {
    this.#queue(name).consumer = options;
    this.#deliver(name);
    return {
      close: async () => {
        this.#queue(name).consumer = undefined;
      },
    };
  }

  /** The code of the threads, in this one. */
  async openLoadThreads(): Promise<LoadThreads> {
    const clock = this.#clock;
    const usage = { cpuMs: null, loopUtilization: 0 };
    let counts = sharedSendCounts(0);
    let deliveries = sharedDeliveries(0);
    let end = async (): Promise<ConsumeRecord> => {
      throw new Error('Nothing is consumed.');
    };
    return {
      sender: {
        get sent() {
          return counts.counts[SENT] ?? 0;
        },
        send: async (plan, signal) => {
          counts = sharedSendCounts(plan.messages);
          const record = new SendRecord(plan, counts);
          await sendMessages(plan, {
            add: (payload) => this.add(plan.queue, payload),
            mayBeAdded: (error) => this.addOutcome(error) === 'unknown',
            payloads: new PayloadCodec(plan.payloadBytes, plan.payloadSeed),
            ...{ clock, record, signal },
          });
          return { ...record.result(), ...usage };
        },
      },
      consumer: {
        get counts() {
          return deliveries.counts;
        },
        get delivered() {
          return deliveries.counts[DELIVERED] ?? 0;
        },
        begin: async (plan) => {
          deliveries = sharedDeliveries(plan.messages);
          const record = new ConsumeRecord(deliveries, new PayloadCodec(plan.payloadBytes, plan.payloadSeed));
          const consumer = await this.consume(plan.queue, {
            concurrency: plan.concurrency,
            onMessage: () => undefined,
            onCompleted: (payload) => record.onCompleted(payload, clock.nowMs()),
            onError: () => undefined,
          });
          end = async () => {
            await consumer.close();
            return record;
          };
        },
        end: async () => ({ ...(await end()).result(), ...usage }),
      },
      [Symbol.asyncDispose]: async () => undefined,
    };
  }

  async backlog(name: string) {
    return { unfinished: this.#queue(name).waiting.length, failed: 0 };
  }

  async counters() {
    return { elections: 0, rpcSent: { AppendEntries: this.#adds * 2 }, bytesSent: this.#adds * 100, fsyncs: this.#adds };
  }

  async stop(): Promise<void> {}

  #deliver(name: string): void {
    const queue = this.#queue(name);
    const { consumer } = queue;
    if (consumer === undefined) return;
    for (const payload of queue.waiting.splice(0)) {
      try {
        consumer.onMessage(payload);
      } catch (error) {
        consumer.onError(error);
      }
      consumer.onCompleted(payload);
    }
  }

  #queue(name: string) {
    let queue = this.#queues.get(name);
    if (queue === undefined) {
      queue = { added: 0, waiting: [], consumer: undefined };
      this.#queues.set(name, queue);
    }
    return queue;
  }
}

/** Time passes only when a caller waits for it. `lateMs` is how much later than requested each wait ends. */
export class FakeClock implements Clock {
  #nowMs = 1000;
  readonly #lateMs: number;

  constructor(lateMs = 0) {
    this.#lateMs = lateMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  async waitUntil(atMs: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return;
    this.#nowMs = Math.max(this.#nowMs, atMs) + this.#lateMs;
    await Promise.resolve();
  }

  advance(ms: number): void {
    this.#nowMs += ms;
  }
}
