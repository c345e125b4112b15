import { Cron } from 'croner';
import type { PatternTimes } from '../queue/requests/pattern-times.ts';

/** The fields of a pattern, or one of its names as in "@daily". The library takes a single date as well, which is no pattern. */
const PATTERN = /^\s*(@|\S+\s+\S)/;

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
