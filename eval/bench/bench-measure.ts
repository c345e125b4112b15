import type { ClusterConfig } from '../../src/config/cluster-config.ts';
import type { BenchFigure, FigureDefinition } from './figure.ts';

export interface BenchContext {
  readonly config: ClusterConfig;
  /** A folder that does not exist yet, on the disk that is measured; removed afterwards. */
  readonly dataDir: string;
  readonly seed: number;
  readonly signal: AbortSignal;
  /** The median so far of another figure of this session. */
  readonly medianOf: (figure: string) => number | undefined;
}

/** One thing that the bench measures, on a fresh cluster of its own. */
export interface BenchMeasure {
  /** What `--only` looks for, beside the names of the figures. */
  readonly label: string;
  readonly expectedMs: number;
  /** `first` and `last`: once in a session, before or after all rounds; such a measure repeats itself inside where that is worth it. */
  readonly when: 'first' | 'every-round' | 'last';
  /** Fewer nodes cannot do without one of them. */
  readonly nodesMin?: number;
  readonly figures: readonly FigureDefinition[];
  /** What takes the place of `expectedMs` and `measure` with `--long`, for the figures that take minutes. */
  readonly long?: Pick<BenchMeasure, 'expectedMs' | 'measure'>;
  readonly measure: (context: BenchContext) => Promise<readonly BenchFigure[]>;
}

export const nodeCountOf = ({ nodes }: Pick<ClusterConfig, 'nodes'>): number => (typeof nodes === 'number' ? nodes : nodes.length);
