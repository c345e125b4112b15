import { Cron } from 'croner';
import type { PatternTimes } from '../queue/requests/pattern-times.ts';

/**
 * A name as in "@daily", or five or six fields. The library takes more: a single date, a seventh field for the year, and a day of the week that
 * counts together with the day of the month; it searches for a time of these for up to a second.
 */
const PATTERN = /^\s*(@\w+|(?:[\w*?/,#-]+\s+){4,5}[\w*?/,#-]+)\s*$/;

/** The times of cron patterns by Croner, with the time zones of Node.js. */
export const PATTERN_TIMES: PatternTimes = {
  next: (pattern, tz, afterMs) => {
    if (!PATTERN.test(pattern))
      throw new Error('Use five fields (minute, hour, day of the month, month, day of the week), or six with seconds first.');
    // Without a callback it starts no timer.
    const next = new Cron(pattern, { timezone: tz === '' ? 'UTC' : tz }).nextRun(new Date(afterMs));
    return next?.getTime();
  },
};
