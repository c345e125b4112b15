import { defineCommands, EVER } from './command.ts';
import { countMax, flag, jobId, logRow, tokenOrNone, u32, u32Between } from './fields.ts';
import { LOG_ROWS_MAX } from './limits.ts';
import { JOB_LOGS_VERSION } from './machine-version.ts';

const keepMax = u32Between(0, LOG_ROWS_MAX, (rows) => `A log keeps ${rows} rows`);

/** The commands about the logs of jobs. */
export const LOG_COMMANDS = defineCommands({
  addLog: {
    code: 90,
    versions: [JOB_LOGS_VERSION, EVER],
    needs: 'queue',
    writes: true,
    permission: 'work',
    fields: { jobId, token: tokenOrNone, keepMax, row: logRow },
    result: 'logged',
    about:
      'Adds a row to the log of a job of the selected queue, in any state. With a token only while that lease goes on. Of the rows the newest ' +
      'keepMax stay, 0 for as many as its policy keeps.',
  },
  clearLogs: {
    code: 91,
    versions: [JOB_LOGS_VERSION, EVER],
    needs: 'queue',
    writes: true,
    permission: 'work',
    fields: { jobId, keepMax },
    result: 'done',
    about: 'Drops the rows of the log of a job of the selected queue, in any state, except the newest keepMax.',
  },
  getLogs: {
    code: 92,
    versions: undefined,
    needs: 'queue',
    writes: false,
    permission: 'read',
    fields: { jobId, start: u32, countMax: countMax('rows of a log'), isDescending: flag },
    result: 'logs',
    about:
      'Rows of the log of a job of the selected queue, the oldest first, or the newest if isDescending; without the first `start`. May return ' +
      'fewer than countMax, and at least one if there is one.',
  },
});
