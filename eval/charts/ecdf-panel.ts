import { logTicks, PLAIN_NUMBER } from './chart.ts';
import { HALO, INK } from './theme.ts';

/** Values whose cumulative share a line shows. */
export interface EcdfLine {
  readonly series: string;
  readonly color: string;
  /** What lies outside of the axis, as infinity does, counts in the share alone. */
  readonly values: readonly number[];
}

/** A published figure, in the colour of its line. */
export interface EcdfReference {
  readonly series: string;
  readonly value: number;
  readonly share: number;
  readonly label: string;
}

export interface EcdfOptions {
  readonly title: string;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly xTitle: string;
  readonly domain: readonly [number, number];
  readonly references?: readonly EcdfReference[];
}

/** Pixels from one line's name to the next. */
const NAME_HEIGHT_PX = 16;
/** The same for all panels of a chart, so that they are aligned. */
const AXIS_EXTENT_PX = 40;

/** Empirical cumulative distributions, named beside the panel in the order of their medians. */
export function ecdfPanel(lines: readonly EcdfLine[], { title, widthPx, heightPx, xTitle, domain, references = [] }: EcdfOptions) {
  const x = {
    field: 'value',
    type: 'quantitative' as const,
    title: xTitle,
    scale: { type: 'log' as const, domain: [...domain], nice: false },
    axis: { values: logTicks(domain), labelExpr: PLAIN_NUMBER, grid: true },
  };
  const y = {
    field: 'share',
    type: 'quantitative' as const,
    title: null,
    scale: { domain: [0, 1], nice: false },
    axis: { values: [0, 0.25, 0.5, 0.75, 1], format: '.0%', grid: true, minExtent: AXIS_EXTENT_PX },
  };
  const color = {
    field: 'series',
    type: 'nominal' as const,
    scale: { domain: lines.map(({ series }) => series), range: lines.map((line) => line.color) },
  };
  const values = lines.flatMap(({ series, values: of }) => ecdfPoints(of, domain).map((point) => ({ series, ...point })));
  const names = [...lines]
    .sort((a, b) => medianOrder(a) - medianOrder(b))
    .map(({ series }, at) => ({ series, share: 1 - (at * NAME_HEIGHT_PX) / heightPx }));
  return {
    title: { text: title, anchor: 'start' as const, fontSize: 13, fontWeight: 600 as const, color: INK, offset: 8 },
    width: widthPx,
    height: heightPx,
    layer: [
      {
        data: { values },
        mark: { type: 'line' as const, strokeWidth: 2, interpolate: 'step-after' as const },
        encoding: { x, y, color, order: { field: 'share', type: 'quantitative' as const } },
      },
      {
        data: { values: names },
        mark: { type: 'text' as const, align: 'left' as const, dx: 9, fontWeight: 600 as const },
        encoding: { x: { value: widthPx }, y, color, text: { field: 'series' } },
      },
      ...referenceLayers(references, { x, y, color }),
    ],
  };
}

/** A diamond and its label, on the side of the panel that has more space. */
function referenceLayers<X, Y, Color>(references: readonly EcdfReference[], { x, y, color }: { x: X; y: Y; color: Color }) {
  if (references.length === 0) return [];
  const data = { values: [...references] };
  const label = { type: 'text' as const, align: 'left' as const, dx: 8, dy: -9 };
  return [
    {
      data,
      mark: { type: 'point' as const, shape: 'diamond' as const, size: 90, filled: true, opacity: 1, stroke: INK, strokeWidth: 1 },
      encoding: { x, y, color },
    },
    { data, mark: { ...label, ...HALO }, encoding: { x, y, text: { field: 'label' } } },
    { data, mark: label, encoding: { x, y, text: { field: 'label' } } },
  ];
}

const medianOrder = ({ values }: EcdfLine): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** More points than these look the same on a screen. */
const POINTS_MAX = 100;

/** Values in the domain with the share of all values up to each; the line begins at 0 and ends at the last share. */
export function ecdfPoints(
  values: readonly number[],
  [low, high]: readonly [number, number],
): readonly { readonly value: number; readonly share: number }[] {
  const sorted = [...values].sort((a, b) => a - b);
  const shown = sorted.filter((value) => value <= high);
  const step = Math.max(1, Math.ceil(shown.length / POINTS_MAX));
  const points = shown.flatMap((value, at) =>
    at % step === 0 || at === shown.length - 1 ? [{ value: Math.max(low, value), share: (at + 1) / sorted.length }] : [],
  );
  const first = points[0];
  if (first === undefined) return sorted.length === 0 ? [] : [low, high].map((value) => ({ value, share: 0 }));
  const start = { value: first.value, share: 0 };
  return [start, ...points, ...(shown.length === sorted.length ? [] : [{ value: high, share: shown.length / sorted.length }])];
}
