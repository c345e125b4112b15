import { defineCommands, EVER } from './command.ts';
import { DEDUPLICATION_FIELDS, deduplicatedPayload, deduplicationId, holderJobId } from './deduplication.ts';
import { durationMs, u32Between } from './fields.ts';
import { PRIORITY_MAX } from './limits.ts';
import { DEDUPLICATION_VERSION } from './machine-version.ts';

/** The commands about adds that are deduplicated. */
export const DEDUPLICATION_COMMANDS = defineCommands({
  addDeduplicated: {
    code: 70,
    versions: [DEDUPLICATION_VERSION, EVER],
    needs: 'policy',
    writes: true,
    permission: 'add',
    isInternal: true,
    fields: {
      delayMs: durationMs('delay'),
      priority: u32Between(0, PRIORITY_MAX, (value) => `A job has the priority ${value}`),
      ...DEDUPLICATION_FIELDS,
      payload: deduplicatedPayload,
    },
    result: 'added',
    about:
      'An add with a deduplication id. While that is taken by a job of the selected queue, no job is added, and the result is `deduplicated`; unless that job is delayed and isReplacing is set: then this one takes its place.',
  },
  getDeduplicationJob: {
    code: 71,
    versions: undefined,
    needs: 'queue',
    writes: false,
    permission: 'read',
    isInternal: true,
    fields: { deduplicationId },
    result: 'deduplicationJob',
    about: 'The job of the selected queue that has taken this deduplication id.',
  },
  removeDeduplication: {
    code: 72,
    versions: [DEDUPLICATION_VERSION, EVER],
    needs: 'queue',
    writes: true,
    permission: 'operate',
    fields: { holderJobId, deduplicationId },
    result: 'deduplicationRemoved',
    about:
      'Frees a deduplication id of the selected queue, if this job has taken it; 0 for any job. Jobs stay, and so does an add that is kept until the job ends.',
  },
});
