import type { HistoryRecorder } from '../history/history.ts';
import { PROGRESS_BYTES_MAX } from '../protocol/limits.ts';
import type { OperationWriter } from './operation-recorder.ts';
import type { PayloadSizes } from './payload-sizes.ts';
import { dataValueOf, keyInPayload, payloadOf, progressOf, valueOfProgress } from './payloads.ts';
import type { QueueRecords } from './queue-records.ts';
import { QUEUES } from './sim-adds.ts';
import type { SimCluster } from './sim-cluster.ts';
import { SimLogs } from './sim-logs.ts';
import type { SimRandom } from './sim-random.ts';
import { type Step, stepOf } from './sim-step.ts';
import { checkProperty } from './violation.ts';

/** Values of one client are below those of the next. */
const VALUES_OF_CLIENT = 100_000;

/** Of these changes. */
const LOG_SHARE = 0.5;

/** What one client changes of the content of jobs. */
export class SimChanges {
  readonly #client: number;
  readonly #cluster: SimCluster;
  readonly #random: SimRandom;
  readonly #records: QueueRecords;
  readonly #history: HistoryRecorder;
  readonly #sizes: PayloadSizes;
  readonly logs: SimLogs;
  #values = 0;

  constructor(
    client: number,
    cluster: SimCluster,
    random: SimRandom,
    sizes: PayloadSizes,
    records: QueueRecords,
    look: (job: number) => void,
  ) {
    this.#sizes = sizes;
    this.#client = client;
    this.#cluster = cluster;
    this.#random = random;
    this.#records = records;
    this.#history = records.history;
    this.logs = new SimLogs(cluster, random, records, look);
  }

  #updateProgress(encoder: OperationWriter, job: number, token: number): Step {
    const value = this.#nextValue();
    const queue = this.#queueOf(job);
    const size = this.#random.withProbability(0.1) ? PROGRESS_BYTES_MAX : this.#random.of([0, 0, 200]);
    encoder.command('updateProgress', { queue, jobId: job, token, payload: progressOf(job, value, size) });
    return stepOf(this.#cluster.coverage, this.#history.invoke('updateProgress', { queue, job, token, value }), () => {
      this.#cluster.coverage.add('progress of a job set');
      return null;
    });
  }

  /** Replaces its data, sets its progress, or adds a row to its log. @param token of a lease; 0 for none. */
  change(encoder: OperationWriter, job: number, token: number): Step {
    if (this.#random.withProbability(LOG_SHARE)) return this.logs.add(encoder, job, token, this.#nextValue());
    const key = this.#records.jobs.get(job)?.key;
    if (key === undefined || this.#random.withProbability(0.5)) return this.#updateProgress(encoder, job, token);
    const value = this.#nextValue();
    const queue = this.#queueOf(job);
    const isOversized = this.#sizes.isOversized();
    const size = isOversized ? this.#sizes.oversizedBytes : this.#sizes.sizeOr(this.#random.of([0, 0, 500]));
    encoder.command('updateData', { queue, jobId: job, token, payload: payloadOf(keyInPayload(key), size, value) });
    const step = stepOf(this.#cluster.coverage, this.#history.invoke('updateData', { queue, job, token, value }), () => {
      this.#cluster.coverage.add('data of a job replaced');
      return null;
    });
    return { ...step, isOversized };
  }

  /** What the data of a job say, 0 as they were added. */
  dataIn(payload: Uint8Array): number {
    const value = dataValueOf(payload);
    if (value > 0) this.#cluster.coverage.add('replaced data of a job read');
    return value;
  }

  /** What the progress of a job says, 0 for none. @throws {Violation} if it is that of another job. */
  progressIn(job: number, bytes: Uint8Array | undefined): number {
    if (bytes === undefined) return 0;
    this.#cluster.coverage.add('progress of a job read');
    const { job: shown, value } = valueOfProgress(bytes);
    checkProperty(shown === job, 'payloads come back as they were sent', () => `job ${job} shows the progress of job ${shown}`);
    return value;
  }

  #nextValue(): number {
    this.#values += 1;
    return this.#client * VALUES_OF_CLIENT + this.#values;
  }

  #queueOf(job: number): string {
    return this.#records.jobs.get(job)?.queue ?? QUEUES[0];
  }
}
