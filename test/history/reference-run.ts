import type { Calls, OperationFunction } from '../../src/history/functions.ts';
import type { HistoryEvent, HistoryEventType, Json } from '../../src/history/history.ts';
import { BEFORE_ALL_JOBS, BEHIND_ALL_JOBS } from '../../src/protocol/job-order.ts';
import { JOB_STATES } from '../../src/protocol/job-state.ts';
import { ADD_DEFAULTS, type ClaimOptions } from '../../src/protocol/request-encoder.ts';
import { ModelQueue } from '../queue/model.ts';

/** The next operation of a client of the reference model. `pick` modulo the number of known jobs chooses the job. */
export interface Choice {
  readonly f: OperationFunction;
  readonly pick: number;
  /** Milliseconds that pass before it. */
  readonly pauseMs: number;
  /** How long before and after its effect the call begins and ends, in milliseconds. */
  readonly beforeMs: number;
  readonly afterMs: number;
  /** `unanswered`: takes effect without a reply. `never`: is not executed and has no reply. */
  readonly fate: 'answered' | 'unanswered' | 'never';
}

interface Performed {
  readonly f: OperationFunction;
  readonly call: Json;
  readonly type: HistoryEventType;
  readonly reply: Json;
  readonly fromUs: number;
  readonly toUs: number;
}

interface Lease {
  readonly job: number;
  readonly token: number;
}

const QUEUE = 'work';
const LEASE_MS = 300;
const HOLDERS = 3;
/** A pick with which `pause` resumes the queue. */
const RESUMES = 1;
/** A pick with which `setConcurrency` and `setRateLimit` remove the limit. */
const UNLIMITS = 4;

/** Of every seventh claim. */
const limiterOf = (pick: number) => (pick % 7 === 6 ? { limiterMax: 1 + (pick % 2), limiterMs: 20 } : {});

const beginOf = (pick: number) => ({ beginMax: pick % 4, stalledMax: pick % 3, holder: pick % HOLDERS });

type Listing = Calls['jobIds'];

/** From the beginning, in any state and direction; some skip a job. */
function listingOf(pick: number): Json {
  const isDescending = pick % 2 === 0;
  const { rank, tie } = isDescending ? BEHIND_ALL_JOBS : BEFORE_ALL_JOBS;
  const start = pick % 6 === 0 ? 1 : 0;
  return { queue: QUEUE, state: 1 + (pick % 5), isDescending, afterRank: rank, afterTie: tie, start, countMax: 1 + (pick % 4) };
}

/** Executes all operations sequentially on a minimal reference queue, and widens their times so that they overlap. */
export class ReferenceRun {
  readonly #model = new ModelQueue(10_000);
  readonly #performed: Performed[] = [];
  readonly #leases: Lease[] = [];
  #adds = 0;

  perform({ f, pick, pauseMs, beforeMs, afterMs, fate }: Choice): void {
    this.#model.pass(pauseMs + 1);
    const atUs = this.#model.nowMs * 1_000;
    const call = this.#callOf(f, pick);
    const reply = fate === 'never' ? undefined : this.#execute(f, call);
    const isRejected = typeof reply === 'object' && reply !== null && 'error' in reply;
    // A client without the reply does not know that it holds a job.
    if (f === 'claim' && fate === 'answered') this.#leases.push(...(reply as unknown as { readonly jobs: readonly Lease[] }).jobs);
    const type = fate !== 'answered' ? 'info' : isRejected ? 'fail' : 'ok';
    this.#performed.push({ f, call, type, reply: reply ?? null, fromUs: atUs - beforeMs * 1_000, toUs: atUs + afterMs * 1_000 });
  }

  /** Works until no job is left: active jobs return when their leases end. */
  drain(): void {
    const last = { pick: 0, beforeMs: 0, afterMs: 0, fate: 'answered' as const };
    this.perform({ ...last, f: 'pause', pick: RESUMES, pauseMs: 0 });
    for (const f of ['setConcurrency', 'setRateLimit'] as const) this.perform({ ...last, f, pick: UNLIMITS, pauseMs: 0 });
    for (let round = 0; round < 500; round += 1) {
      this.perform({ ...last, f: 'claim', pick: 2, pauseMs: LEASE_MS });
      while (this.#leases.length > 0) {
        this.perform({ ...last, f: 'complete', pauseMs: 0 });
        this.#leases.shift();
      }
      const { waiting, active, delayed } = this.#model.counts(QUEUE);
      if (waiting + active + delayed === 0) break;
    }
    for (let pick = 0; pick < this.#model.jobs.length; pick += 1) this.perform({ ...last, f: 'getJob', pick, pauseMs: 0 });
  }

  /** Calls and replies in the order of time, each by a free process. */
  events(): HistoryEvent[] {
    const moments = this.#performed.flatMap((performed, at) => [
      { at, timeUs: performed.fromUs, isCall: true },
      ...(performed.type === 'info' ? [] : [{ at, timeUs: performed.toUs, isCall: false }]),
    ]);
    // At equal times calls come first, so that operations overlap more.
    moments.sort((a, b) => a.timeUs - b.timeUs || Number(b.isCall) - Number(a.isCall));
    return moments.map(({ at, timeUs, isCall }, index) => {
      const { f, call, type, reply } = this.#performed[at] as Performed;
      return { process: at, type: isCall ? 'invoke' : type, f, value: isCall ? call : reply, time: timeUs, index };
    });
  }

  #list({ queue, state, isDescending, start, countMax }: Listing): number[] {
    return this.#model.list(queue, JOB_STATES[state] ?? 'waiting', isDescending).slice(start, start + countMax);
  }

  #callOf(f: OperationFunction, pick: number): Json {
    const known = this.#model.jobs.map(({ id }) => id);
    const job = known[pick % Math.max(1, known.length)] ?? 1;
    const { job: held, token } = this.#leases[pick % Math.max(1, this.#leases.length)] ?? { job, token: 0 };
    const lease = { job: held, token };
    switch (f) {
      case 'add':
        this.#adds += 1;
        return {
          key: this.#adds,
          queue: QUEUE,
          priority: pick % 2,
          isLifo: pick % 3 === 0,
          delayMs: pick % 5 === 0 ? 50 : 0,
          attemptsMax: 2,
          keepCompleted: -1,
          keepFailed: -1,
        };
      case 'claim':
        return { queue: QUEUE, countMax: 1 + (pick % 3), leaseMs: LEASE_MS, waitMs: 0, ...beginOf(pick), ...limiterOf(pick) };
      case 'releaseHolder':
        return { holder: pick % HOLDERS };
      case 'extend':
        return { ...lease, leaseMs: LEASE_MS };
      case 'fail':
        return { ...lease, retry: pick % 3 > 0, backoff: false };
      case 'begin':
      case 'complete':
      case 'release':
        return lease;
      case 'counts':
      case 'isPaused':
      case 'concurrency':
      case 'rateLimit':
        return { queue: QUEUE };
      case 'jobIds':
        return listingOf(pick);
      case 'pause':
        return { queue: QUEUE, isPaused: pick % 3 === 0 };
      case 'setConcurrency':
        return { queue: QUEUE, concurrencyMax: pick % 4 };
      case 'setRateLimit':
        return { queue: QUEUE, rateMax: pick % 4, rateMs: 5 + pick };
      case 'holdClaims':
        return { queue: QUEUE, holdMs: 4 * (pick % 3) };
      case 'clean':
        return { job, queue: pick % 7 === 0 ? 'other' : QUEUE, state: 1 + (pick % 5), graceMs: pick % 3 === 0 ? 50 : 0 };
      case 'retry':
      case 'remove':
      case 'promote':
        return { job, queue: pick % 7 === 0 ? 'other' : QUEUE };
      case 'changePriority':
        return { job, queue: pick % 7 === 0 ? 'other' : QUEUE, priority: pick % 3 };
      case 'addLog':
        return { ...(pick % 2 === 0 ? lease : { job, token: 0 }), ...logOf(pick), value: this.#performed.length + 1 };
      case 'clearLogs':
        return { job, ...logOf(pick) };
      case 'getLogs':
        return { job, queue: QUEUE, start: pick % 5 === 0 ? 1 : 0, countMax: 1 + (pick % 4), isDescending: pick % 3 === 0 };
      case 'changeDelay':
        return { job, queue: pick % 7 === 0 ? 'other' : QUEUE, delayMs: 20 * (pick % 3) };
      case 'updateProgress':
      case 'updateData':
        return { ...(pick % 2 === 0 ? lease : { job, token: 0 }), queue: pick % 7 === 0 ? 'other' : QUEUE, value: pick };
      default:
        return { job };
    }
  }

  #execute(f: OperationFunction, call: Json): Json {
    const { key, priority, delayMs, job, token, retry, holder, value, keepMax } = call as Readonly<Record<string, number>>;
    const { queue, isLifo = false } = call as { readonly queue?: string; readonly isLifo?: boolean };
    const id = job ?? 0;
    switch (f) {
      case 'add': {
        const kept = { attemptsMax: 2, keepCompleted: -1, keepFailed: -1 };
        const options = { ...ADD_DEFAULTS, priority: priority ?? 0, delayMs: delayMs ?? 0, isLifo, ...kept };
        return { job: this.#model.add(QUEUE, String(key), options) };
      }
      case 'claim': {
        const { limiterMax, limiterMs } = call as { readonly limiterMax?: number; readonly limiterMs?: number };
        const limiter = limiterMax === undefined ? undefined : { max: limiterMax, durationMs: limiterMs ?? 0 };
        const claimed = this.#model.claim(QUEUE, { ...(call as unknown as ClaimOptions), limiter });
        return {
          jobs: claimed.map(({ id: claimedId, payload, token: given, attempt, isBegun, stalls }) => ({
            job: claimedId,
            key: keyIn({ payload }),
            token: given,
            attempt: isBegun ? attempt : attempt + 1,
            isBegun,
            stalls,
          })),
        };
      }
      case 'extend':
        return answerOf(this.#model.extend(id, token ?? 0, LEASE_MS));
      case 'complete':
        return answerOf(this.#model.complete(id, token ?? 0, ''));
      case 'fail':
        return answerOf(this.#model.fail(id, token ?? 0, 'why', Boolean(retry)));
      case 'release':
        return answerOf(this.#model.release(id, token ?? 0));
      case 'begin':
        return answerOf(this.#model.markBegun(id, token ?? 0));
      case 'releaseHolder':
        return answerOf(this.#model.releaseHolder(holder ?? 0));
      case 'retry':
        return answerOf(this.#model.retry(String(queue), id));
      case 'remove':
        return answerOf(this.#model.remove(String(queue), id));
      case 'promote':
        return answerOf(this.#model.promote(String(queue), id));
      case 'changePriority':
        return answerOf(this.#model.changePriority(String(queue), id, priority ?? 0));
      case 'updateProgress':
        return answerOf(this.#model.updateProgress(String(queue), id, token ?? 0, String(value)));
      case 'updateData':
        return answerOf(this.#model.updateData(String(queue), id, token ?? 0, `${keyIn(this.#model.find(id))}#${value}`));
      case 'addLog': {
        const rows = this.#model.addLog(String(queue), id, token ?? 0, String(value), keepMax ?? 0);
        return typeof rows === 'number' ? { rows } : answerOf(rows);
      }
      case 'clearLogs':
        return answerOf(this.#model.clearLogs(String(queue), id, keepMax ?? 0));
      case 'getLogs': {
        const found = this.#model.find(id);
        if (found === undefined || found.queue !== queue) return { error: 'JOB_NOT_FOUND' };
        const { start, countMax, isDescending } = call as unknown as Listing;
        const listed = isDescending ? [...found.logs].reverse() : found.logs;
        return { total: found.logs.length, values: listed.slice(start, start + countMax).join(' ') };
      }
      case 'changeDelay':
        return answerOf(this.#model.changeDelay(String(queue), id, delayMs ?? 0));
      case 'clean': {
        const { state, graceMs } = call as { readonly state: number; readonly graceMs: number };
        return answerOf(this.#model.clean(String(queue), id, JOB_STATES[state] ?? 'waiting', graceMs));
      }
      case 'counts':
        return { ...this.#model.counts(QUEUE) };
      case 'jobIds':
        return { ids: this.#list(call as unknown as Listing) };
      case 'pause':
        return answerOf(this.#model.setPaused(QUEUE, (call as { readonly isPaused: boolean }).isPaused));
      case 'setConcurrency':
        return answerOf(this.#model.setConcurrency(QUEUE, (call as { readonly concurrencyMax: number }).concurrencyMax));
      case 'setRateLimit': {
        const { rateMax = 0, rateMs = 0 } = call as { readonly rateMax?: number; readonly rateMs?: number };
        return answerOf(this.#model.setRate(QUEUE, { max: rateMax, ms: rateMs }));
      }
      case 'holdClaims':
        return answerOf(this.#model.hold(QUEUE, (call as { readonly holdMs: number }).holdMs));
      case 'rateLimit': {
        const { max, ms } = this.#model.rateOf(QUEUE) ?? { max: 0, ms: 0 };
        return { rateMax: max, rateMs: ms };
      }
      case 'concurrency':
        return { concurrencyMax: this.#model.concurrency(QUEUE) };
      case 'isPaused':
        return { isPaused: this.#model.isPaused(QUEUE) };
      case 'getJob': {
        const found = this.#model.find(id);
        return found === undefined
          ? { state: null }
          : {
              state: found.state,
              key: keyIn(found),
              token: found.state === 'active' ? found.token : 0,
              attempt: found.attempt,
              stalls: found.stalls,
              progress: Number(found.progress ?? 0),
              data: Number(found.payload.split('#')[1] ?? 0),
            };
      }
      default:
        throw new Error(`${f satisfies OtherFunction | FlowFunction} is not modelled`);
    }
  }
}

const logOf = (pick: number) => ({ queue: pick % 7 === 0 ? 'other' : QUEUE, keepMax: pick % 3 });

type OtherFunction = 'upsertScheduler' | 'removeScheduler' | 'removeDeduplication';
/** Jobs of flows are not modelled either: test/queue/flow-model.test.ts has a model of theirs. */
type FlowFunction = 'removeAlone' | 'removeUnprocessed' | 'removeDependency';
const NOT_MODELLED: ReadonlySet<OperationFunction> = new Set<OtherFunction | FlowFunction>([
  'upsertScheduler',
  'removeScheduler',
  'removeDeduplication',
  'removeAlone',
  'removeUnprocessed',
  'removeDependency',
]);

/** Histories with ticks and with adds that are kept, which are no calls, are written by hand. */
export const isModelled = (f: OperationFunction): boolean => !NOT_MODELLED.has(f);

const answerOf = (reply: string): Json => (reply === 'done' ? null : { error: reply });

/** A payload is the key of its job, and the value of its data if it was replaced. */
const keyIn = (job: { readonly payload: string } | undefined): number => Number(job?.payload.split('#')[0]);
