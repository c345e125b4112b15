import { type Calls, FUNCTIONS, hasNoValue, nameOf } from '../history/functions.ts';
import { type Arguments, COMMANDS, rowOfCommand } from '../protocol/commands.ts';
import { StateCode } from '../protocol/job-state.ts';
import type { Sometimes } from './coverage.ts';
import type { OperationWriter } from './operation-recorder.ts';
import type { NamesOf } from './queue-reads.ts';
import type { QueueRecords } from './queue-records.ts';
import { FLAG_SHARE, QUEUES, type SimAdds } from './sim-adds.ts';
import type { SimCluster } from './sim-cluster.ts';
import type { SimRandom } from './sim-random.ts';
import { type Step, stepOf } from './sim-step.ts';

type QueueChange = Exclude<NamesOf<{ readonly needs: 'queue'; readonly result: 'done' | 'removed' }>, 'removeScheduler'>;

/** Commands whose arguments are a queue, perhaps a job of it, flags, a state and a duration. */
export const QUEUE_CHANGES = FUNCTIONS.filter(
  (f): f is QueueChange => COMMANDS[f].needs === 'queue' && hasNoValue(f) && !rowOfCommand(f).endsWithBytes,
);
/** Those that only a delayed job allows. */
export const DELAYED_CHANGES: readonly QueueChange[] = ['promote', 'changeDelay'];
export const VERSION_1_CHANGES = QUEUE_CHANGES.filter((f) => `${f}1` in COMMANDS);
const LISTED_STATES = [StateCode.delayed, StateCode.waiting, StateCode.active, StateCode.completed, StateCode.failed] as const;
/** What is counted when one of these took effect. */
const SELDOM: Partial<Record<QueueChange, Sometimes>> = {
  promote: 'delayed job promoted',
  clean: 'job removed by its state and age',
  changePriority: 'priority of a job changed',
  changeDelay: 'delay of a job changed',
  clearLogs: 'rows of a log dropped at once',
};
/** Of active jobs, and of jobs within a time of RATE_MS; 0 for none. */
const LIMITS = [0, 0, 1, 2, 4] as const;
export const RATE_MS = [20, 200, 1_000] as const;

/** Changes of a queue, and of jobs in it that no lease protects. */
export class SimQueueChanges {
  readonly #cluster: SimCluster;
  readonly #random: SimRandom;
  readonly #records: QueueRecords;
  readonly #adds: SimAdds;

  constructor(cluster: SimCluster, random: SimRandom, records: QueueRecords, adds: SimAdds) {
    this.#cluster = cluster;
    this.#random = random;
    this.#records = records;
    this.#adds = adds;
  }

  anyOf(encoder: OperationWriter, changes: readonly QueueChange[], job: number, version: number): Step {
    return this.#change(encoder, changes[this.#random.below(changes.length)] as QueueChange, job, version);
  }

  /** A command on a queue, or on a job of it; mostly of the queue that has the job. */
  #change(encoder: OperationWriter, f: QueueChange, job: number, version: number): Step {
    const known = this.#records.jobs.get(job)?.queue ?? QUEUES[0];
    const queue = this.#random.withProbability(0.15) ? this.#adds.anyQueue() : known;
    const args: Record<string, unknown> = { queue };
    const call: Record<string, unknown> = version > 1 ? { queue } : {};
    for (const { name, field } of rowOfCommand(f).fieldList) {
      args[name] = name === 'jobId' ? job : this.#valueOf(name, field.kind);
      call[nameOf(name)] = args[name];
    }
    // The only casts: the arguments have the kinds of the row's fields.
    encoder.command(f, args as unknown as Arguments<QueueChange>);
    return stepOf(this.#cluster.coverage, this.#records.history.invoke(f, call as unknown as Calls[QueueChange]), () => {
      const seldom = SELDOM[f];
      if (seldom !== undefined) this.#cluster.coverage.add(seldom);
      if (f === 'setConcurrency' && args.concurrencyMax !== 0) this.#cluster.coverage.add('active jobs of a queue limited');
      if (f === 'setRateLimit' && args.rateMax !== 0) this.#cluster.coverage.add('rate of a queue limited');
      if (f === 'holdClaims' && args.holdMs !== 0) this.#cluster.coverage.add('claims of a queue held back for a time');
      return null;
    });
  }

  #valueOf(name: string, kind: string): boolean | number {
    if (kind === 'boolean') return this.#random.withProbability(FLAG_SHARE);
    if (name === 'priority') return this.#random.below(4);
    if (name === 'keepMax') return this.#random.below(3);
    if (name === 'concurrencyMax' || name === 'rateMax') return this.#random.of(LIMITS);
    if (name === 'rateMs') return this.#random.of(RATE_MS);
    return name === 'state' ? this.#random.of(LISTED_STATES) : this.#random.of([0, 100, 1_000]);
  }
}
