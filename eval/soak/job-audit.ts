import type { Job } from '../../src/index.ts';
import { isCausedByProcessor, resultOf } from './processing.ts';

/** A problem of a job that clients can see. */
export interface JobProblem {
  readonly kind: 'dead-letter' | 'attempt' | 'result';
  readonly job: string;
  readonly what: string;
}

/** Compares the outcomes of jobs with those of their processors. Each problem of a job is reported once. */
export class JobAudit {
  readonly #onProblem: (problem: JobProblem) => void;
  readonly #reported = new Set<string>();
  readonly #deadLetters = new Set<string>();

  constructor(onProblem: (problem: JobProblem) => void) {
    this.#onProblem = onProblem;
  }

  /** Number of dead letters since {@link recount}. */
  get deadLetters(): number {
    return this.#deadLetters.size;
  }

  recount(): void {
    this.#deadLetters.clear();
  }

  /** Checks a job that was read from the cluster. */
  onRead(job: Job<string>): void {
    const { id, state, failedReason } = job;
    if (state === 'failed') {
      this.#deadLetters.add(id);
      if (!isCausedByProcessor(failedReason)) this.#report('dead-letter', id, `it is a dead letter for the reason ${shown(failedReason)}`);
    }
    if (state === 'completed' && job.returnvalue !== resultOf(job.data))
      this.#report('result', id, `it has the data ${shown(job.data)} and the result ${shown(job.returnvalue)}`);
  }

  /** Checks the error of a failed attempt. */
  onFailed({ id }: Job<string>, { message }: Error): void {
    if (!isCausedByProcessor(message)) this.#report('attempt', id, `an attempt failed, which no processor did: ${shown(message)}`);
  }

  #report(kind: JobProblem['kind'], job: string, what: string): void {
    const key = `${kind} ${job}`;
    if (this.#reported.has(key)) return;
    this.#reported.add(key);
    this.#onProblem({ kind, job, what: `Job ${job}: ${what}.` });
  }
}

const shown = (value: unknown): string => JSON.stringify(value) ?? 'undefined';
