/** The local time of day, with seconds: `14:03:07`. */
export const clockTime = (time: Date): string => [time.getHours(), time.getMinutes(), time.getSeconds()].map(twoDigits).join(':');

const twoDigits = (value: number): string => String(value).padStart(2, '0');

/** A wall-clock time in milliseconds as a date; undefined stays undefined. */
export const isoTime = (atMs: number | undefined): string | undefined => (atMs === undefined ? undefined : new Date(atMs).toISOString());
