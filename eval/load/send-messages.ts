import type { Clock } from '../measuring/clock.ts';
import type { PayloadCodec } from '../measuring/payload.ts';
import { messageOf } from '../measuring/user-error.ts';
import { DELIVERED } from './consume-record.ts';
import type { LoadPlan } from './load-plan.ts';
import { dueTimes, type Schedule } from './schedule.ts';
import type { SendRecord } from './send-record.ts';

type Circulation = Extract<LoadPlan, { readonly model: 'circulating' }>;

export interface SendContext {
  /** Resolves when the message is acknowledged. */
  readonly add: (payload: Uint8Array) => Promise<unknown>;
  /** Whether the message of a rejected add may be in the queue. */
  readonly mayBeAdded: (error: unknown) => boolean;
  readonly clock: Clock;
  readonly payloads: PayloadCodec;
  readonly record: SendRecord;
  /** After an abort nothing more is sent. */
  readonly signal: AbortSignal;
}

/** The sender wakes at most this often, and sends what is due by then. */
const WAKE_MS_MIN = 0.5;
/** Replies that are missing so long after an abort are not awaited. */
const ABORTED_WAIT_MS = 5000;

/** Sends a load's messages, and resolves when each is acknowledged or rejected. */
export async function sendMessages(plan: LoadPlan, context: SendContext): Promise<void> {
  const { clock, record, signal } = context;
  const startMs = clock.nowMs();
  record.onStart(startMs);
  const sending = sendAll(plan, startMs, context);
  await Promise.race([sending, abortedFor(ABORTED_WAIT_MS, signal)]);
}

function sendAll(plan: LoadPlan, startMs: number, context: SendContext): Promise<void> {
  switch (plan.model) {
    case 'open-loop':
      return sendOnSchedule(plan.schedule, plan.messages, startMs, context);
    case 'paced':
      return sendPaced(plan.delayMs, plan.messages, context);
    case 'closed-loop': {
      const fitting = Math.max(1, Math.floor(plan.inFlightBytesMax / plan.payloadBytes));
      return sendInFlight(Math.min(plan.inFlightMax, fitting), plan.messages, context);
    }
    case 'circulating':
      return sendAsCompleted(plan, context);
  }
}

async function sendOnSchedule(schedule: Schedule, messages: number, startMs: number, context: SendContext): Promise<void> {
  const { clock, signal } = context;
  const due = dueTimes(schedule);
  const open = new OpenSends();
  let next = 0;
  let nextMs = startMs + due.next().value;
  for (;;) {
    const wokenMs = clock.nowMs();
    for (; nextMs <= wokenMs && next < messages && !signal.aborted; next += 1) {
      open.add(send(next, nextMs, context));
      nextMs = startMs + due.next().value;
    }
    if (next === messages || signal.aborted) break;
    await clock.waitUntil(Math.max(nextMs, wokenMs + WAKE_MS_MIN), signal);
  }
  await open.end();
}

async function sendPaced(delayMs: number, messages: number, context: SendContext): Promise<void> {
  const { clock, signal } = context;
  for (let message = 0; message < messages && !signal.aborted; message += 1) {
    await send(message, clock.nowMs(), context);
    await clock.waitUntil(clock.nowMs() + delayMs, signal);
  }
}

async function sendInFlight(inFlightMax: number, messages: number, context: SendContext): Promise<void> {
  const { clock, signal } = context;
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < messages && !signal.aborted) {
      const message = next;
      next += 1;
      await send(message, clock.nowMs(), context);
    }
  };
  await Promise.all(Array.from({ length: Math.min(inFlightMax, messages) }, lane));
}

/** Wakes as a sender on a schedule does, and sends as many as were completed since. */
async function sendAsCompleted({ unfinishedMax, deliveries, messages }: Circulation, context: SendContext): Promise<void> {
  const { clock, signal } = context;
  const open = new OpenSends();
  let next = 0;
  for (;;) {
    const wokenMs = clock.nowMs();
    const end = Math.min(messages, Atomics.load(deliveries, DELIVERED) + unfinishedMax);
    for (; next < end && !signal.aborted; next += 1) open.add(send(next, clock.nowMs(), context));
    if (next === messages || signal.aborted) break;
    await clock.waitUntil(wokenMs + WAKE_MS_MIN, signal);
  }
  await open.end();
}

/** Counts sends without a reply. A promise of each one would keep a load of millions in memory. */
class OpenSends {
  #count = 0;
  #onEnd: () => void = () => undefined;

  add(sending: Promise<void>): void {
    this.#count += 1;
    void sending.then(() => {
      this.#count -= 1;
      if (this.#count === 0) this.#onEnd();
    });
  }

  /** Resolves when each has a reply. */
  async end(): Promise<void> {
    if (this.#count === 0) return;
    await new Promise<void>((resolve) => {
      this.#onEnd = resolve;
    });
  }
}

async function send(message: number, dueMs: number, { add, mayBeAdded, clock, payloads, record }: SendContext): Promise<void> {
  const payload = payloads.encode(message);
  record.onSent(message, dueMs, clock.nowMs());
  try {
    await add(payload);
    record.onAcknowledged(message, dueMs, clock.nowMs());
  } catch (error) {
    record.onRejected(message, mayBeAdded(error), messageOf(error));
  }
}

/** Resolves that long after an abort; never without one. */
const abortedFor = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const onAbort = (): void => void setTimeout(resolve, ms).unref();
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
