import { JOB_STATES } from '../protocol/job-state.ts';
import { CALL_KINDS, type Calls, type FieldKinds, hasNoValue, type OperationFunction, RESULT_KINDS, type Results } from './functions.ts';
import type { HistoryEvent, Json } from './history.ts';
import { HistoryFormatError } from './parse-history.ts';

/** One call from its invocation to its reply, if there is one. */
export interface OperationOf<F extends OperationFunction> {
  readonly f: F;
  readonly process: number;
  readonly call: Calls[F];
  /** `info` too when nothing followed the invocation. */
  readonly outcome: 'ok' | 'fail' | 'info';
  /** Defined if and only if the outcome is `ok`. */
  readonly result: Results[F] | undefined;
  /** Why it had no effect, or why that is unknown. */
  readonly error: string | undefined;
  /** Indexes of its two events. An operation whose `returnedAt` is below another's `invokedAt` came before it. Infinity for `info`. */
  readonly invokedAt: number;
  readonly returnedAt: number;
  /** Times of its two events in microseconds. Infinity for `info`. */
  readonly invokedUs: number;
  readonly returnedUs: number;
}

export type HistoryOperation = { readonly [F in OperationFunction]: OperationOf<F> }[OperationFunction];

/** Whether it may have taken effect: all except failed ones. */
export const mayHaveApplied = (operation: HistoryOperation): boolean => operation.outcome !== 'fail';

/** Whether `one` ended before `other` began. */
export const isBefore = (one: { readonly returnedAt: number }, other: { readonly invokedAt: number }): boolean =>
  one.returnedAt < other.invokedAt;

export const isFunction =
  <F extends OperationFunction>(f: F) =>
  (operation: HistoryOperation): operation is Extract<HistoryOperation, OperationOf<F>> =>
    operation.f === f;

/**
 * Pairs invocations with their replies, in the order of the invocations.
 * @throws {HistoryFormatError} when a value does not have the shape of its function. Its `line` is the event's position, from 1 on.
 */
export function operationsOf(events: readonly HistoryEvent[]): HistoryOperation[] {
  const operations: (HistoryOperation | undefined)[] = [];
  const open = new Map<number, { readonly event: HistoryEvent; readonly at: number; readonly slot: number }>();
  events.forEach((event, at) => {
    if (event.type === 'invoke') {
      open.set(event.process, { event, at, slot: operations.length });
      operations.push(undefined);
      return;
    }
    const call = open.get(event.process);
    if (call === undefined || call.event.f !== event.f) throw new HistoryFormatError(at + 1, `a reply to ${event.f} that was not called.`);
    open.delete(event.process);
    operations[call.slot] = operationOf(call.event, call.at, event, at);
  });
  for (const { event, at, slot } of open.values()) operations[slot] = operationOf(event, at, undefined, at);
  return operations.filter((operation) => operation !== undefined);
}

function operationOf(invoke: HistoryEvent, invokeAt: number, end: HistoryEvent | undefined, endAt: number): HistoryOperation {
  const outcome = end === undefined || end.type === 'invoke' ? 'info' : end.type;
  const isKnown = end !== undefined && outcome !== 'info';
  checkFields(invoke.value, CALL_KINDS[invoke.f], `the call of ${invoke.f}`, invokeAt + 1);
  if (end !== undefined && outcome === 'ok') checkResult(end, endAt + 1);
  // The only cast: the shapes were checked just now, and TypeScript cannot tie `f` to the values.
  return {
    f: invoke.f,
    process: invoke.process,
    call: invoke.value,
    outcome,
    result: outcome === 'ok' ? end?.value : undefined,
    error: end === undefined || outcome === 'ok' ? undefined : errorIn(end.value),
    invokedAt: invoke.index,
    returnedAt: isKnown ? end.index : Number.POSITIVE_INFINITY,
    invokedUs: invoke.time,
    returnedUs: isKnown ? end.time : Number.POSITIVE_INFINITY,
  } as unknown as HistoryOperation;
}

function errorIn(value: Json): string | undefined {
  if (typeof value === 'string') return value;
  const error = isObject(value) ? value.error : undefined;
  return typeof error === 'string' ? error : undefined;
}

const CLAIMED: FieldKinds = {
  ...{ job: 'number', key: 'key?', token: 'number', attempt: 'number', isBegun: 'boolean?', stalls: 'number?' },
  ...{ scheduler: 'text?', tick: 'number?', scheduledMs: 'number?' },
};

function checkResult({ f, value }: HistoryEvent, line: number): void {
  if (f === 'claim') {
    const jobs = isObject(value) ? value.jobs : undefined;
    if (!Array.isArray(jobs)) throw new HistoryFormatError(line, 'the result of claim has no list of jobs.');
    for (const job of jobs) checkFields(job, CLAIMED, 'a job in the result of claim', line);
    return;
  }
  if (f === 'jobIds') {
    const ids = isObject(value) ? value.ids : undefined;
    if (!Array.isArray(ids) || !ids.every((id) => typeof id === 'number'))
      throw new HistoryFormatError(line, 'the result of jobIds has no list of ids.');
  }
  if (f === 'getJob') {
    const state = isObject(value) ? value.state : undefined;
    if (state !== null && !JOB_STATES.some((known) => known === state))
      throw new HistoryFormatError(
        line,
        `the result of getJob has the state ${JSON.stringify(state)}. Use ${JOB_STATES.join(', ')} or null.`,
      );
  }
  if (!hasNoValue(f)) checkFields(value, RESULT_KINDS[f], `the result of ${f}`, line);
}

function checkFields(value: Json | undefined, fields: FieldKinds, what: string, line: number): void {
  if (!isObject(value)) throw new HistoryFormatError(line, `${what} is ${JSON.stringify(value)}, not an object.`);
  for (const [name, kind] of Object.entries(fields)) {
    const field = value[name];
    if (field === undefined && kind.endsWith('?')) continue;
    if (!isOfKind(field, kind.replace('?', ''))) {
      throw new HistoryFormatError(line, `${what} has ${name} = ${JSON.stringify(field)}, which should be a ${kind.replace('?', '')}.`);
    }
  }
}

function isOfKind(field: Json | undefined, kind: string): boolean {
  if (kind === 'key') return typeof field === 'string' || typeof field === 'number';
  return typeof field === (kind === 'text' ? 'string' : kind);
}

const isObject = (value: Json | undefined): value is { readonly [name: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
