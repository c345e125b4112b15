import { defineCommands, EVER } from './command.ts';
import { countMax, flag, u32 } from './fields.ts';
import { SCHEDULER_FIELDS, schedulerId, schedulerNumber, tickMs } from './scheduler.ts';

/** The commands about job schedulers, which add jobs at their times. */
export const SCHEDULER_COMMANDS = defineCommands({
  upsertScheduler: {
    code: 36,
    versions: [7, EVER],
    needs: 'policy',
    writes: true,
    permission: 'add',
    fields: SCHEDULER_FIELDS,
    result: 'done',
    about:
      'Sets a job scheduler of the selected queue. Its jobs have the selected policy. One that had the same times keeps its next tick, and counts its ticks from 0.',
  },
  removeScheduler: {
    code: 37,
    versions: [7, EVER],
    needs: 'queue',
    writes: true,
    permission: 'operate',
    fields: { scheduler: schedulerId },
    result: 'done',
    about: 'Removes a job scheduler of the selected queue. The jobs that it added stay.',
  },
  advanceScheduler: {
    code: 38,
    versions: [7, EVER],
    needs: 'nothing',
    writes: true,
    permission: 'operate',
    isRepeatable: true,
    isInternal: true,
    fields: { schedulerNumber, afterMs: tickMs, nextMs: tickMs },
    result: 'done',
    about:
      'Of the leader: the time of the next tick of a pattern, the first after afterMs, or 0 if there is none. Changes nothing unless the scheduler of this number waits for this time.',
  },
  getScheduler: {
    code: 39,
    versions: undefined,
    needs: 'queue',
    writes: false,
    permission: 'read',
    isInternal: true,
    fields: { scheduler: schedulerId },
    result: 'scheduler',
    about: 'A job scheduler of the selected queue.',
  },
  schedulerIds: {
    code: 40,
    versions: undefined,
    needs: 'queue',
    writes: false,
    permission: 'read',
    isInternal: true,
    fields: { isDescending: flag, start: u32, countMax: countMax('job schedulers') },
    result: 'schedulerIds',
    about:
      "Ids of the selected queue's job schedulers in the order of their next ticks, without the first `start`. May return fewer: continue behind them.",
  },
});
