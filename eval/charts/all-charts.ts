import type { Evaluation } from '../replay/analysis.ts';
import type { Chart, ChartBuilder } from './chart.ts';
import { latencyDistribution } from './distribution-chart.ts';
import { overheadByCount, overheadByPayload, throughputByCount, throughputByPayload } from './replay-charts.ts';
import { throughputBySize } from './size-charts.ts';

const BUILDERS: readonly ChartBuilder[] = [
  throughputByCount,
  overheadByCount,
  throughputByPayload,
  overheadByPayload,
  latencyDistribution,
  throughputBySize,
];

/** The charts that the rows allow, in the report's order. */
export const allCharts = (evaluation: Evaluation): readonly Chart[] =>
  BUILDERS.map((build) => build(evaluation)).filter((chart) => chart !== undefined);
