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

/** Of the published session, where the other one did not measure what they show. @param csv the file of the published rows. */
export const publishedCharts = (evaluation: Evaluation, published: Evaluation, csv: string): readonly Chart[] =>
  [evaluation.latency.length === 0 ? latencyDistribution : undefined, evaluation.sweep.length === 0 ? throughputBySize : undefined].flatMap(
    (build) => {
      const chart = build?.(published);
      return chart === undefined ? [] : [{ ...chart, csv, isPublished: true as const }];
    },
  );
