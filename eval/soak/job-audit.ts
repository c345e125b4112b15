import type { Job } from '../../src/index.ts';
import { isCausedByProcessor, resultOf } from './processing.ts';

/** What is wrong with a job, as its clients see it. */
export interface JobProblem {
  readonly kind: 'dead-letter' | 'attempt' | 'result';
  readonly job: number;
  readonly what: string;
}

/** Holds what jobs became against what processors did. Each problem of a job is reported once. */
export class JobAudit {
  readonly #onProblem: (problem: JobProblem) => void;
  readonly #reported = new Set<string>();
  readonly #deadLetters = new Set<number>();

  constructor(onProblem: (problem: JobProblem) => void) {
    this.#onProblem = onProblem;
  }

  /** How many dead letters were seen since {@link recount}. */
  get deadLetters(): number {
    return this.#deadLetters.size;
  }

  recount(): void {
    this.#deadLetters.clear();
  }

  /** A job as the cluster has it. */
  onRead(job: Job<string>): void {
    const { id, state, failedReason } = job;
    if (state === 'failed') {
      this.#deadLetters.add(id);
      if (!isCausedByProcessor(failedReason)) this.#report('dead-letter', id, `it is a dead letter for the reason ${shown(failedReason)}`);
    }
    if (state === 'completed' && job.returnvalue !== resultOf(job.data))
      this.#report('result', id, `it has the data ${shown(job.data)} and the result ${shown(job.returnvalue)}`);
  }

  /** A worker's attempt failed. */
  onFailed({ id }: Job<string>, { message }: Error): void {
    if (!isCausedByProcessor(message)) this.#report('attempt', id, `an attempt failed, which no processor did: ${shown(message)}`);
  }

  #report(kind: JobProblem['kind'], job: number, what: string): void {
    const key = `${kind} ${job}`;
    if (this.#reported.has(key)) return;
    this.#reported.add(key);
    this.#onProblem({ kind, job, what: `Job ${job}: ${what}.` });
  }
}

const shown = (value: unknown): string => JSON.stringify(value) ?? 'undefined';
