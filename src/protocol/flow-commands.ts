import { defineCommands, EVER } from './command.ts';
import { countMax, f64, flag, jobId, u8 } from './fields.ts';
import { flowPayload } from './flow.ts';
import { FLOWS_VERSION } from './machine-version.ts';

/** The commands about flows: jobs that wait for their children. */
export const FLOW_COMMANDS = defineCommands({
  addFlow: {
    code: 80,
    versions: [FLOWS_VERSION, EVER],
    needs: 'nothing',
    writes: true,
    permission: 'add',
    isInternal: true,
    fields: { payload: flowPayload },
    result: 'flowAdded',
    about:
      'Adds one or more trees of jobs to their queues, all or none. A job with children waits for them. If a queue has a job with the custom id of a root, nothing of that tree is added, and the result names that job; with the id of another job, nothing is added.',
  },
  removeAlone: {
    code: 81,
    versions: [FLOWS_VERSION, EVER],
    needs: 'queue',
    writes: true,
    permission: 'operate',
    fields: { jobId },
    result: 'done',
    about: 'Removes a job of the selected queue that is not active, without its children, which then have no parent.',
  },
  removeUnprocessed: {
    code: 82,
    versions: [FLOWS_VERSION, EVER],
    needs: 'queue',
    writes: true,
    permission: 'operate',
    fields: { jobId },
    result: 'done',
    about: 'Removes the children of a job of the selected queue, and theirs, that have not ended and are not active.',
  },
  removeDependency: {
    code: 83,
    versions: [FLOWS_VERSION, EVER],
    needs: 'queue',
    writes: true,
    permission: 'operate',
    fields: { jobId },
    result: 'detached',
    about: 'The parent of a job of the selected queue waits for it no longer, and knows nothing of it.',
  },
  children: {
    code: 84,
    versions: undefined,
    needs: 'queue',
    writes: false,
    permission: 'read',
    isInternal: true,
    fields: { jobId, status: u8, hasValues: flag, after: f64, countMax: countMax('children') },
    result: 'children',
    about:
      'How many children of a job of the selected queue have each status, and those of one status with ids above `after`. May return fewer: continue behind them.',
  },
  parentOf: {
    code: 85,
    versions: undefined,
    needs: 'queue',
    writes: false,
    permission: 'read',
    isInternal: true,
    fields: { jobId },
    result: 'parent',
    about: 'The parent of a job of the selected queue.',
  },
  stateCounts: {
    code: 86,
    versions: undefined,
    needs: 'queue',
    writes: false,
    permission: 'read',
    isInternal: true,
    fields: {},
    result: 'stateCounts',
    about: 'How many jobs of the selected queue are in each state, those that wait for their children included.',
  },
});
