import { defineCommands, EVER } from './command.ts';
import { countedState, countMax, durationMs, f64, flag, holder, rateMs, u32, u32Between } from './fields.ts';
import { CONCURRENCY_MAX, RATE_MAX } from './limits.ts';

/** The commands about sessions, holders of leases, and queues. */
export const QUEUE_COMMANDS = defineCommands({
  openSession: {
    code: 3,
    versions: [1, EVER],
    needs: 'nothing',
    writes: true,
    permission: 'read',
    isInternal: true,
    fields: {},
    result: 'opened',
    about: 'Registers a client. Alone in its request, which names a random number as its client and the sequence 1.',
  },
  counts: {
    code: 10,
    versions: [1, EVER],
    needs: 'queue',
    writes: false,
    permission: 'read',
    fields: {},
    result: 'counts',
    about: 'How many jobs of the selected queue are in each state.',
  },
  releaseHolder: {
    code: 18,
    versions: [2, EVER],
    needs: 'nothing',
    writes: true,
    permission: 'work',
    isRepeatable: true,
    fields: { holder },
    result: 'done',
    about:
      'The process that held these leases is gone: all of them end now. If there are more than DUE_PER_ENTRY_MAX, shorten the others first.',
  },
  heldJobs: {
    code: 19,
    versions: undefined,
    needs: 'nothing',
    writes: false,
    permission: 'work',
    isInternal: true,
    fields: { holder, countMax: countMax('held jobs') },
    result: 'held',
    about: 'The jobs that this holder has under a lease, in no order.',
  },
  pause: {
    code: 20,
    versions: [4, EVER],
    needs: 'queue',
    writes: true,
    permission: 'operate',
    fields: { isPaused: flag },
    result: 'done',
    about: 'While the selected queue is paused, claims take nothing from it; jobs are added, and jobs under a lease go on.',
  },
  isPaused: {
    code: 21,
    versions: undefined,
    needs: 'queue',
    writes: false,
    permission: 'read',
    fields: {},
    result: 'paused',
    about: 'Whether the selected queue is paused.',
  },
  setConcurrency: {
    code: 50,
    versions: [8, EVER],
    needs: 'queue',
    writes: true,
    permission: 'operate',
    fields: { concurrencyMax: u32Between(0, CONCURRENCY_MAX, (count) => `A queue limits its active jobs to ${count}`) },
    result: 'done',
    about:
      'Claims take a job of the selected queue only while fewer than concurrencyMax are active; 0 removes the limit. Under a limit a claim takes ' +
      'at most beginMax jobs, and at least one.',
  },
  concurrency: {
    code: 51,
    versions: undefined,
    needs: 'queue',
    writes: false,
    permission: 'read',
    fields: {},
    result: 'concurrency',
    about: 'How many jobs of the selected queue may be active.',
  },
  setRateLimit: {
    code: 52,
    versions: [8, EVER],
    needs: 'queue',
    writes: true,
    permission: 'operate',
    fields: {
      rateMax: u32Between(0, RATE_MAX, (count) => `A queue limits its rate to ${count} jobs`),
      rateMs: rateMs('queue'),
    },
    result: 'done',
    about:
      'Claims take at most rateMax jobs of the selected queue within rateMs of log time, from the first one on; rateMax 0 removes the limit. A ' +
      'window that runs gets the new number, and ends within the new time. Under a limit a claim takes at most beginMax jobs, and at least one.',
  },
  rateLimit: {
    code: 53,
    versions: undefined,
    needs: 'queue',
    writes: false,
    permission: 'read',
    fields: {},
    result: 'rateLimit',
    about: 'How many jobs claims take of the selected queue within which time.',
  },
  holdClaims: {
    code: 54,
    versions: [8, EVER],
    needs: 'queue',
    writes: true,
    permission: 'operate',
    fields: { holdMs: durationMs('hold of claims') },
    result: 'done',
    about:
      'Claims take no job of the selected queue for holdMs of log time, in place of a window of its rate that runs; 0 ends such a time, or a window.',
  },
  rateLimitTtl: {
    code: 55,
    versions: [8, EVER],
    needs: 'queue',
    writes: false,
    permission: 'read',
    isInternal: true,
    fields: { takenMin: u32 },
    result: 'rateLimitTtl',
    about:
      'For how long claims take no job of the selected queue because of its rate: as if its limit were takenMin, unless that is 0. As a query it ' +
      'is of the time of the latest entry.',
  },
  jobIds: {
    code: 23,
    versions: undefined,
    needs: 'queue',
    writes: false,
    permission: 'read',
    fields: {
      state: countedState,
      isDescending: flag,
      afterRank: f64,
      afterTie: f64,
      start: u32,
      countMax: countMax('listed jobs'),
    },
    result: 'jobIds',
    about:
      "Ids of the selected queue's jobs in one state, in its order: those behind the place (afterRank, afterTie), without the first `start`. " +
      'May return fewer: continue behind the place that the result names, until it is over.',
  },
  queueNames: {
    code: 24,
    versions: undefined,
    needs: 'nothing',
    writes: false,
    permission: 'read',
    isInternal: true,
    fields: { after: f64, countMax: countMax('queue names') },
    result: 'queueNames',
    about:
      'Names of the queues that have jobs, job schedulers or limits, are paused, or record their events, in the order in which they came to be: those behind the number `after`, as a result ' +
      'names it; 0 for the first.',
  },
});
