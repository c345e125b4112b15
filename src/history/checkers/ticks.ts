import { type Calls, type JobKey, keyOfTick } from '../functions.ts';
import { type HistoryOperation, isFunction, mayHaveApplied, type OperationOf } from '../operation.ts';

type Upsert = OperationOf<'upsertScheduler'>;

/** Those that may have set a job scheduler, by queue. */
export function upsertsByQueue(operations: readonly HistoryOperation[]): ReadonlyMap<string, readonly Upsert[]> {
  return Map.groupBy(operations.filter(isFunction('upsertScheduler')).filter(mayHaveApplied), ({ call }) => call.queue);
}

/** The number in the key of a tick's job. */
const TICK = /^(.*)#([1-9]\d*)$/;

/** The calls that may have brought jobs of ticks, by their keys. */
export class TickAdds {
  readonly #byKey: ReadonlyMap<string, Upsert>;
  readonly #byQueue: ReadonlyMap<string, readonly Upsert[]>;

  constructor(operations: readonly HistoryOperation[]) {
    this.#byQueue = upsertsByQueue(operations);
    this.#byKey = new Map([...this.#byQueue.values()].flat().map((upsert) => [String(upsert.call.key), upsert]));
  }

  /** A tick as an add of unknown outcome; none if no scheduler can have had it. */
  addsOf(key: JobKey): OperationOf<'add'>[] {
    const [, base = '', digits = '0'] = TICK.exec(String(key)) ?? [];
    const upsert = this.#byKey.get(base);
    const tick = Number(digits);
    if (upsert === undefined || tick > (upsert.call.ticksMax || Number.POSITIVE_INFINITY)) return [];
    return [addOf(upsert, key)];
  }

  /** Of a job without a known key. @param queue undefined for any. */
  possibleAdds(queue: string | undefined): OperationOf<'add'>[] {
    const upserts = queue === undefined ? [...this.#byQueue.values()].flat() : (this.#byQueue.get(queue) ?? []);
    return upserts.map((upsert) => addOf(upsert, keyOfTick(upsert.call.key, 1)));
  }
}

function addOf({ call, process, invokedAt, invokedUs }: Upsert, key: JobKey): OperationOf<'add'> {
  const { scheduler, everyMs, offsetMs, startMs, endMs, ticksMax, isImmediate, ...shared } = call;
  const add: Calls['add'] = { ...shared, key };
  return {
    ...{ f: 'add', process, call: add, outcome: 'info', result: undefined, error: undefined },
    ...{ invokedAt, invokedUs, returnedAt: Number.POSITIVE_INFINITY, returnedUs: Number.POSITIVE_INFINITY },
  };
}
