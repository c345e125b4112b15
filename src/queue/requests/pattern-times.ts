/** The times of cron patterns. A port: the library, and with it the time zones of Node.js, belong to its adapter. */
export interface PatternTimes {
  /**
   * @param tz the name of a time zone; empty for UTC. @param afterMs wall time in ms since 1970.
   * @returns the first time of the pattern after it; undefined if there is none.
   * @throws for a pattern, or a time zone, that this node does not know.
   */
  next(pattern: string, tz: string, afterMs: number): number | undefined;
}
