import type { ScaleContext } from './scale-measure.ts';

/** The argument of a process that measures. */
export interface ScaleTask extends Omit<ScaleContext, 'report'> {
  /** Of the measure. */
  readonly name: string;
}
