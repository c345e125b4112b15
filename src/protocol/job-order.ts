/**
 * A place in the order of the jobs of one state: by rank, then by tie, both ascending.
 *
 * | state | rank | tie |
 * | --- | --- | --- |
 * | waiting: as claims take them | twice the priority, plus 1 without lifo | the id; with lifo its negative |
 * | delayed | when the delay ends, in wall time | the id |
 * | active | 0 | the id |
 * | completed, failed: as they finished | a number that grows with every finished job | the id |
 */
export interface JobPlace {
  readonly rank: number;
  readonly tie: number;
}

/** Before every job: where an ascending listing begins. */
export const BEFORE_ALL_JOBS: JobPlace = Object.freeze({ rank: -1, tie: 0 });
/** Behind every job: where a descending listing begins. */
export const BEHIND_ALL_JOBS: JobPlace = Object.freeze({ rank: Number.MAX_VALUE, tie: 0 });
