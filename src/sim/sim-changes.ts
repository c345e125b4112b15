import type { HistoryRecorder } from '../history/history.ts';
import { PROGRESS_BYTES_MAX } from '../protocol/limits.ts';
import type { OperationWriter } from './operation-recorder.ts';
import { progressOf, valueOfProgress } from './payloads.ts';
import type { QueueRecords } from './queue-records.ts';
import { QUEUES } from './sim-adds.ts';
import type { SimCluster } from './sim-cluster.ts';
import type { SimRandom } from './sim-random.ts';
import { type Step, stepOf } from './sim-step.ts';
import { checkProperty } from './violation.ts';

/** Values of one client are below those of the next. */
const VALUES_OF_CLIENT = 100_000;

/** What one client changes of the content of jobs. */
export class SimChanges {
  readonly #client: number;
  readonly #cluster: SimCluster;
  readonly #random: SimRandom;
  readonly #records: QueueRecords;
  readonly #history: HistoryRecorder;
  #values = 0;

  constructor(client: number, cluster: SimCluster, random: SimRandom, records: QueueRecords) {
    this.#client = client;
    this.#cluster = cluster;
    this.#random = random;
    this.#records = records;
    this.#history = records.history;
  }

  /** @param token of a lease; 0 for none. */
  updateProgress(encoder: OperationWriter, job: number, token: number): Step {
    const value = this.#nextValue();
    const queue = this.#queueOf(job);
    const size = this.#random.withProbability(0.1) ? PROGRESS_BYTES_MAX : this.#random.of([0, 0, 200]);
    encoder.command('updateProgress', { queue, jobId: job, token, payload: progressOf(job, value, size) });
    return stepOf(this.#cluster.coverage, this.#history.invoke('updateProgress', { queue, job, token, value }), () => {
      this.#cluster.coverage.add('progress of a job set');
      return null;
    });
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
