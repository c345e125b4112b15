import type { ClaimedJob } from '../../src/protocol/reply.ts';
import { DrivenQueue } from './driven-queue.ts';
import type { MicroCase } from './micro-case.ts';

const BATCH = 64;

/** A replica's work on a job, 64 of them in one entry, by the number of waiting jobs: add, claim and complete, each alone. */
export function* queueCases(waitingCounts: readonly number[]): Generator<MicroCase> {
  for (const waiting of waitingCounts) {
    const queue = new DrivenQueue(waiting);
    let entry: Uint8Array = new Uint8Array(0);
    let jobs: readonly ClaimedJob[] = [];
    const add = (): void => queue.apply(queue.adds(BATCH));
    const claim = (): void => {
      queue.apply(queue.claims(BATCH));
      jobs = queue.claimed(BATCH);
    };
    const complete = (): void => queue.apply(queue.completions(jobs));
    const shared = {
      operations: BATCH,
      operation: 'one job, applied by a replica',
      size: waiting,
      sizeOf: 'waiting jobs',
      run: () => queue.apply(entry),
    };
    yield {
      ...shared,
      name: 'add',
      before: () => {
        entry = queue.adds(BATCH);
      },
      after: () => {
        claim();
        complete();
      },
    };
    yield {
      ...shared,
      name: 'claim',
      before: () => {
        entry = queue.claims(BATCH);
      },
      after: () => {
        jobs = queue.claimed(BATCH);
        complete();
        add();
      },
    };
    yield {
      ...shared,
      name: 'complete',
      before: () => {
        claim();
        entry = queue.completions(jobs);
      },
      after: add,
    };
  }
}
