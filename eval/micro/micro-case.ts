/** One part that is measured alone. */
export interface MicroCase {
  readonly name: string;
  /** Operations in one call of `run`; a cost is given per operation. */
  readonly operations: number;
  /** A name of the operation, for the chart's title. */
  readonly operation: string;
  /** The size by which the case is varied. */
  readonly size: number;
  /** The unit of the size: `waiting jobs`, `entries in a commit`. */
  readonly sizeOf: string;
  /** Before each run, and not measured. */
  readonly before?: () => void;
  readonly run: () => void;
  /** After each run, and not measured: reverts the run's changes. */
  readonly after?: () => void;
}

/** The payload of a job, in cases that need one. */
export const PAYLOAD = new Uint8Array(64).fill(65);
