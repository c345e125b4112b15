import type { z } from 'zod';
import type { ClusterConfig } from '../../src/config/cluster-config.ts';

/** What a step is given. */
export interface StepContext<Row = unknown> {
  readonly config: ClusterConfig;
  /** A folder that does not exist yet, on the disk that is measured; removed afterwards. */
  readonly dataDir: string;
  /** Differs from round to round. */
  readonly seed: number;
  readonly signal: AbortSignal;
  /** Of the question's steps that ended in this session, as they are in its CSV. */
  readonly rowsSoFar: readonly Row[];
}

/** One measurement, of seconds to minutes. */
export interface QuestionStep<Row> {
  /** Unique in its question: `npm run eval:questions -- --session` skips the steps that its CSV names. */
  readonly name: string;
  readonly expectedMs: number;
  /** @returns at least one row. When the signal aborts it ends early, and its rows are discarded. */
  measure(context: StepContext<Row>): Promise<readonly Row[]>;
}

/** What is known of a question without its measurement. */
export interface AskedQuestion<Row extends object = object> {
  /** Name of its CSV in the results folder. */
  readonly id: string;
  readonly asks: string;
  /** Rows as in its CSV; {@link count}, {@link number} and {@link optionalNumber} read their cells. */
  readonly row: z.ZodObject & z.ZodType<Row>;
  /** Its CSV has tens of thousands of rows, and is kept compressed. Default: false. */
  readonly isLarge?: boolean;
}

/**
 * A question that the report answers: what is measured for it, and the columns of its CSV. Its chart is in `charts/questions`, its section
 * in `report/questions`.
 */
export interface Question<Row extends object = object> extends AskedQuestion<Row> {
  /** Times that all its steps are measured, one after the other in each round. */
  readonly rounds: number;
  readonly steps: readonly QuestionStep<Row>[];
  /** Every second round takes the steps in reverse order: the disk work that one leaves behind slows the next. Default: false. */
  readonly isAlternating?: boolean;
}

/** Expected milliseconds of a question's steps in all rounds. */
export const expectedMsOf = ({ rounds, steps }: Question<never> | Question): number =>
  rounds * steps.reduce((total, { expectedMs }) => total + expectedMs, 0);
