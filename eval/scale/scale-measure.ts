/** `MB`: 10^6 B. */
export type ScaleUnit = 'ms' | 's' | '/s' | 'B' | 'MB' | 'count' | '%';

export interface ScaleFigure {
  readonly figure: string;
  readonly unit: ScaleUnit;
  readonly value: number;
}

export interface ScaleContext {
  /** How many of what the measure is about: nodes, jobs, commands, queues or workers. */
  readonly size: number;
  /** An empty folder. */
  readonly dataDir: string;
  readonly seed: number;
  readonly report: (figure: ScaleFigure) => void;
}

/** One measure, in a process of its own, whose memory is then that of this size. */
export interface ScaleMeasure {
  /** What the sizes count. */
  readonly name: string;
  readonly sizes: readonly number[];
  /** A size may be a share of it: the cluster's own sizes are not. */
  readonly isShared: boolean;
  readonly measure: (context: ScaleContext) => Promise<void>;
}

/** Of this process: the cluster's threads, and the load. */
export const residentMemory = (): ScaleFigure => ({ figure: 'resident memory', unit: 'MB', value: process.memoryUsage.rss() / 1e6 });

/** What `act` takes. */
export async function secondsOf(act: () => Promise<unknown>): Promise<number> {
  const beganMs = performance.now();
  await act();
  return (performance.now() - beganMs) / 1_000;
}

/** Calls `act` for each number below `count`, in order, at most `most` at once. */
export async function forEachBelow(count: number, most: number, act: (at: number) => Promise<unknown>): Promise<void> {
  let begun = 0;
  const lane = async (): Promise<void> => {
    while (begun < count) {
      begun += 1;
      await act(begun - 1);
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, count) }, lane));
}
