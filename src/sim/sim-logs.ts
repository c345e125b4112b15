import type { HistoryRecorder } from '../history/history.ts';
import type { ReadConsistency } from '../protocol/client-frame.ts';
import { LOG_ROW_BYTES_MAX, LOG_ROWS_MAX } from '../protocol/limits.ts';
import type { OperationWriter } from './operation-recorder.ts';
import { logRowOf, valueOfLogRow } from './payloads.ts';
import type { QueueRecords } from './queue-records.ts';
import { QUEUES } from './sim-adds.ts';
import type { SimCluster } from './sim-cluster.ts';
import type { SimRandom } from './sim-random.ts';
import { type Step, stepOf } from './sim-step.ts';

/** Of the rows, those of more than one segment of a checkpoint. */
const LARGE_SHARE = 0.05;
const KEPT = [0, 0, 1, 3, 20] as const;

/** What one client writes to the logs of jobs, and reads of them. */
export class SimLogs {
  readonly #cluster: SimCluster;
  readonly #random: SimRandom;
  readonly #records: QueueRecords;
  readonly #history: HistoryRecorder;
  readonly #look: (job: number) => void;
  /** Jobs that have rows, as far as this client knows. */
  readonly #logged = new Set<number>();

  /** @param look acknowledged rows must be visible at once. */
  constructor(cluster: SimCluster, random: SimRandom, records: QueueRecords, look: (job: number) => void) {
    this.#look = look;
    this.#cluster = cluster;
    this.#random = random;
    this.#records = records;
    this.#history = records.history;
  }

  /** @param token of a lease; 0 for none. @param value that no other row has. */
  add(encoder: OperationWriter, job: number, token: number, value: number): Step {
    const queue = this.#queueOf(job);
    const keepMax = this.#random.of(KEPT);
    const padding = this.#random.withProbability(LARGE_SHARE) ? LOG_ROW_BYTES_MAX / 2 : this.#random.of([0, 0, 40]);
    encoder.command('addLog', { queue, jobId: job, token, keepMax, row: logRowOf(job, value, padding) });
    return stepOf(this.#cluster.coverage, this.#history.invoke('addLog', { queue, job, token, keepMax, value }), (result) => {
      if (result.type !== 'logged') return undefined;
      this.#cluster.coverage.add('row of a log added');
      this.#logged.add(job);
      this.#look(job);
      if (result.rows === keepMax) this.#cluster.coverage.add('row of a log dropped for later ones');
      return { rows: result.rows };
    });
  }

  /** Whether the job may have rows. */
  mayHave(job: number): boolean {
    return this.#logged.has(job);
  }

  read(encoder: OperationWriter, job: number, consistency: ReadConsistency): Step {
    const isDescending = this.#random.withProbability(0.3);
    const start = this.#random.of([0, 0, 0, 1]);
    const listed = { queue: this.#queueOf(job), start, countMax: this.#random.of([LOG_ROWS_MAX, LOG_ROWS_MAX, 2]), isDescending };
    encoder.command('getLogs', { ...listed, jobId: job });
    const call = this.#history.invoke('getLogs', { ...listed, job, ...(consistency === 'stale' ? { consistency } : {}) });
    return stepOf(this.#cluster.coverage, call, (result) => {
      if (result.type !== 'logs') return undefined;
      if (result.rows.length > 0) this.#cluster.coverage.add('log of a job read');
      return { total: result.total, values: result.rows.map((row) => valueOfLogRow(job, row)).join(' ') };
    });
  }

  #queueOf(job: number): string {
    return this.#records.jobs.get(job)?.queue ?? QUEUES[0];
  }
}
