import type { TopLevelSpec } from 'vega-lite';
import { INTERVAL_RUNS_MIN } from '../measuring/statistics.ts';
import type { Evaluation, Figure } from '../replay/analysis.ts';
import { FontAdvances } from './font.ts';
import { SUBTITLE_SIZE_PX, TITLE_SIZE_PX } from './theme.ts';

/** A picture that answers one question. */
export interface Chart {
  /** Base name of its files in plots/. */
  readonly name: string;
  readonly title: string;
  /** The question that it answers, for the report and as its text alternative. */
  readonly question: string;
  readonly spec: TopLevelSpec;
  /** Name of the file in the results folder that it is drawn from. Default: `runs.csv`. */
  readonly csv?: string;
  /** Of the published session, which has its files already. */
  readonly isPublished?: true;
}

/** @property widthPx of the chart's plane. */
export interface ChartStyle {
  readonly font: string;
  readonly widthPx: number;
}

/** One layer of a chart whose marks share their axes. */
export type ChartLayer = Extract<TopLevelSpec, { layer: unknown }>['layer'][number];

/** `undefined` when the rows hold nothing to draw. */
export type ChartBuilder = (evaluation: Evaluation) => Chart | undefined;

/** The basis of every figure of the evaluation: cluster, durability, commit. */
export function provenanceLine(evaluation: Evaluation): string {
  const commits = evaluation.commits.map((commit) => commit.slice(0, 7) + (commit.endsWith('+dirty') ? '+dirty' : ''));
  return `${evaluation.nodes} nodes in one process, ${describeDurability(evaluation.durability)} · commit ${commits.join(', ')}`;
}

/** For the subtitle of a chart. */
export const describeDurability = (durability: string): string =>
  durability === 'full' ? 'synced on a majority' : 'not synced (no fsync)';

/** `n = 3 runs each, median and range`, or `n = 10 runs each, median and 95 % bootstrap interval` */
export function countLine(figures: readonly (Figure | undefined)[], confidence: number): string {
  const counts = figures.filter((figure) => figure !== undefined).map(({ runs }) => runs);
  if (counts.length === 0) return 'n = 0 runs';
  const [fewest, most] = [Math.min(...counts), Math.max(...counts)];
  const runs = fewest === most ? `n = ${most} ${most === 1 ? 'run' : 'runs'}` : `n = ${fewest}–${most} runs`;
  if (most === 1) return `${runs} each, no interval`;
  const interval = `${Math.round(confidence * 100)} % bootstrap interval`;
  if (most < INTERVAL_RUNS_MIN) return `${runs} each, median and range`;
  return fewest < INTERVAL_RUNS_MIN
    ? `${runs} each, median, range, and ${interval} from ${INTERVAL_RUNS_MIN} runs on`
    : `${runs} each, median and ${interval}`;
}

const STEPS = [1, 2, 5];

/** Round numbers (1, 2 or 5 times a power of ten) just outside of all values; never the same number twice. */
export function logDomain(values: readonly number[]): [number, number] {
  const positive = values.filter((value) => value > 0);
  const steps = roundSteps(Math.min(...positive) / 10, Math.max(...positive) * 10);
  const low = steps.findLast((step) => step <= Math.min(...positive) * 1.0001) ?? Math.min(...positive);
  const high = steps.find((step) => step >= Math.max(...positive) * 0.9999 && step > low) ?? Math.max(...positive);
  return [low, high];
}

/** Powers of ten over a wide range, 1-2-5 steps over a narrow one. */
export function logTicks([low, high]: readonly [number, number]): number[] {
  const steps = roundSteps(low, high).filter((step) => step >= low * 0.9999 && step <= high * 1.0001);
  return Math.log10(high / low) > 2.2 ? steps.filter((step) => Number.isInteger(Math.round(Math.log10(step) * 1e6) / 1e6)) : steps;
}

function roundSteps(low: number, high: number): number[] {
  const steps: number[] = [];
  for (let exponent = Math.floor(Math.log10(low)); exponent <= Math.ceil(Math.log10(high)); exponent += 1) {
    for (const step of STEPS) steps.push(Number(`${step}e${exponent}`));
  }
  return steps;
}

/** Below this width of its plane a chart is for a narrow screen: names are short, and the text is as wide as plane and labels. */
const NARROW_PX = 400;
export const isNarrow = (widthPx: number): boolean => widthPx < NARROW_PX;

/**
 * Title and subtitle of a chart, in lines that fit it.
 * @param widthPx of the plane. @param besidePx what labels take beside it, on wide screens.
 */
export function chartTitle(
  title: string,
  subtitle: readonly string[],
  widthPx: number,
  besidePx = 0,
): { readonly text: string[]; readonly subtitle: string[] } {
  const allPx = widthPx + (isNarrow(widthPx) ? 50 : besidePx);
  return { text: wrapLines([title], allPx, TITLE_SIZE_PX, 'SemiBold'), subtitle: wrapLines(subtitle, allPx) };
}

/** Spaces at which a line may be broken: not between a number and its unit. */
const BREAKS = / (?!(?<=\d )(?:ms|s|%|B|KiB|MiB|MB\/s|times)(?![\w/]))/;

/** Lines no wider than the chart, broken at ` · ` or at spaces, measured with the chart's font. */
export function wrapLines(
  parts: readonly string[],
  widthPx: number,
  fontSizePx = SUBTITLE_SIZE_PX,
  weight: 'Regular' | 'SemiBold' = 'Regular',
): string[] {
  const font = FontAdvances.of(weight);
  const lines: string[] = [];
  for (const part of parts) {
    let line = '';
    for (const word of part.split(BREAKS)) {
      const longer = line === '' ? word : `${line} ${word}`;
      if (line !== '' && font.width(longer, fontSizePx) > widthPx) {
        lines.push(line.replace(/ ·$/, ''));
        line = word === '·' ? '' : word;
      } else line = longer;
    }
    if (line !== '') lines.push(line);
  }
  return lines;
}

/** Sizes, in bytes, whose labels fit an axis of powers of two: all on wide screens, else the largest and those far enough below it. */
export function sizeTicks(sizes: readonly number[], widthPx: number): number[] {
  const ticks: number[] = [];
  for (const size of [...new Set(sizes)].sort((a, b) => b - a)) {
    if (ticks.length === 0 || Math.log2((ticks[0] ?? size) / size) >= (isNarrow(widthPx) ? 4 : 2)) ticks.unshift(size);
  }
  return ticks;
}

/** Axis labels such as 0.01 and 10,000, for any power of ten. */
export const PLAIN_NUMBER = "datum.value < 1 ? format(datum.value, '~f') : format(datum.value, ',')";
/** Axis labels such as 640 B, 16 KiB and 1 MiB. */
export const BYTE_SIZE =
  "datum.value >= 1048576 ? datum.value / 1048576 + ' MiB' : datum.value >= 1024 ? datum.value / 1024 + ' KiB' : datum.value + ' B'";
