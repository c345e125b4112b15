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

/** One measure of the bench, on a fresh cluster. */
export interface BenchMeasure {
  /** `--only` matches it and the names of the figures. */
  readonly label: string;
  readonly expectedMs: number;
  /** `first` and `last`: once in a session, before or after all rounds; such a measure may repeat itself internally. */
  readonly when: 'first' | 'every-round' | 'last';
  /** Minimum number of nodes with which the cluster survives the measure's fault. */
  readonly nodesMin?: number;
  /** Its nodes are in other processes, which need a folder. */
  readonly needsFiles?: boolean;
  readonly figures: readonly FigureDefinition[];
  /** Replaces `expectedMs` and `measure` with `--long`, for figures that take minutes. */
  readonly long?: Pick<BenchMeasure, 'expectedMs' | 'measure'>;
  readonly measure: (context: BenchContext) => Promise<readonly BenchFigure[]>;
}

export const nodeCountOf = ({ nodes }: Pick<ClusterConfig, 'nodes'>): number => (typeof nodes === 'number' ? nodes : nodes.length);
