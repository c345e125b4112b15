/** One thing that is measured alone. */
export interface MicroCase {
  readonly name: string;
  /** How many operations one call of `run` carries out; a cost is told per operation. */
  readonly operations: number;
  /** What an operation is; in the chart's title. */
  readonly operation: string;
  /** How much there is of what the case is varied by. */
  readonly size: number;
  /** What that is: `waiting jobs`, `entries in a commit`. */
  readonly sizeOf: string;
  /** Before each run, and not measured. */
  readonly before?: () => void;
  readonly run: () => void;
  /** After each run, and not measured: puts back what the run changed. */
  readonly after?: () => void;
}

/** Of a job, where a case needs some. */
export const CONTENT = new Uint8Array(64).fill(65);
