import type { Mutant } from './mutant.ts';

/** In the logs of jobs. */
export const LOG_MUTANTS: readonly Mutant[] = [
  {
    mistake: 12,
    name: 'the rows of a log that are in a record are written to it again with the next ones',
    file: 'queue/job-log.ts',
    find: '    this.memoryFrom = this.next;\n    this.rows = [];\n',
    replace: '    this.memoryFrom = this.next - this.rows.length;\n',
  },
  {
    mistake: 12,
    name: 'a record of a log that gets more rows loses those that it had',
    file: 'queue/log-rows.ts',
    find: 'const from = Math.max(log.first, segment * LOG_SEGMENT_ROWS);',
    replace: 'const from = Math.max(log.memoryFrom, segment * LOG_SEGMENT_ROWS);',
  },
  {
    mistake: 12,
    name: 'the rows of a log outlast its job',
    file: 'queue/job-indexes.ts',
    find: '    this.logs.drop(job.id);\n',
    replace: '',
  },
  {
    mistake: 16,
    name: 'the records of dropped rows of a log stay',
    file: 'queue/log-rows.ts',
    find: '    yield* goneSegments(jobId, log.storedFrom, Math.min(firstSegment, log.storedTo));\n',
    replace: '',
  },
  {
    mistake: 16,
    name: 'a log keeps one row more than it may',
    file: 'queue/job-log.ts',
    find: 'this.#dropBefore(this.next - countMax);',
    replace: 'this.#dropBefore(this.next - countMax - 1);',
  },
  {
    mistake: 2,
    name: 'a worker that lost its lease writes to the log of its job',
    file: 'queue/job-logs.ts',
    find: 'const job = this.findHeld(queueName, jobId, token);',
    replace: 'const job = this.findHeld(queueName, jobId, 0 * token);',
  },
];
