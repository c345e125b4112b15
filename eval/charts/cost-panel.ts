import { BYTE_SIZE, logDomain, logTicks, PLAIN_NUMBER } from './chart.ts';
import { HALO } from './theme.ts';

/** A point of a line in a panel. */
export interface PanelPoint {
  readonly x: number;
  readonly value: number;
  readonly low?: number;
  readonly high?: number;
  readonly series: string;
  readonly label: string;
  /** Default: both. */
  readonly drawn?: 'line' | 'points';
  /** Drawn as a cross. */
  readonly isFailed?: boolean;
}

export interface PanelOptions {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly xTitle: string;
  readonly yTitle: string;
  /** Logarithmic, with bounds from the values; or linear. */
  readonly x: 'log' | 'linear';
  /** Labels of the x axis. Default: plain numbers. */
  readonly xFormat?: 'bytes';
  /** Positions of ticks on the x axis. Default: of the points; on a logarithmic axis those that are powers of ten. */
  readonly xTicks?: readonly number[];
  readonly y: 'log' | 'linear';
  /** Colours by series, in the order of the lines. */
  readonly colors: Readonly<Record<string, string>>;
}

/**
 * Lines with points; each line is named at its end, and every point has a label when there is only one line. The name of a single point is
 * to its left, unless it is the first: the lines between the others pass on its right.
 */
export function costPanel(points: readonly PanelPoint[], options: PanelOptions) {
  const isAlone = Object.keys(options.colors).length === 1;
  const places = nameplaces(points, options);
  const single = singlePoints(points);
  const values = points.map((point) => ({ ...point, nameAt: places.get(point) ?? null, isLeft: single.has(point) }));
  const x = { field: 'x', type: 'quantitative' as const, title: options.xTitle, ...xAxis(points, options) };
  const y = { field: 'value', type: 'quantitative' as const, title: options.yTitle, ...yAxis(points, options) };
  const color = {
    field: 'series',
    type: 'nominal' as const,
    scale: { domain: Object.keys(options.colors), range: Object.values(options.colors) },
  };
  const yOfText = isAlone ? y : { ...y, field: 'nameAt' };
  const texts = isAlone
    ? [{ transform: [], mark: { type: 'text' as const, ...besideLine(points) }, field: 'label' }]
    : [nameText('left', 9, '!datum.isLeft'), ...(single.size === 0 ? [] : [nameText('right', -9, 'datum.isLeft')])];
  return {
    width: options.widthPx,
    height: options.heightPx,
    data: { values },
    layer: [
      { ...without('points', points), mark: { type: 'line' as const, strokeWidth: 2 }, encoding: { x, y, color } },
      {
        transform: [{ filter: 'isValid(datum.low)' }],
        mark: { type: 'rule' as const, strokeWidth: 2, opacity: 0.5 },
        encoding: { x, y: { field: 'low', type: 'quantitative' as const, scale: y.scale }, y2: { field: 'high' }, color },
      },
      ...markLayers(points).map((layer) => ({ ...layer, encoding: { x, y, color } })),
      ...texts.flatMap(({ transform, mark, field }) => [
        { transform, mark: { ...mark, ...HALO }, encoding: { x, y: yOfText, text: { field } } },
        { transform, mark, encoding: { x, y: yOfText, color, text: { field } } },
      ]),
    ],
  };
}

/** Leaves out what is drawn as nothing but these. */
const without = (drawn: PanelPoint['drawn'], points: readonly PanelPoint[]) =>
  points.some((point) => point.drawn === drawn) ? { transform: [{ filter: `datum.drawn !== '${drawn}'` }] } : {};

const CROSS = 'M-1,-1L1,1M1,-1L-1,1';

/** Points, and crosses for what failed. */
function markLayers(points: readonly PanelPoint[]) {
  const { transform = [] } = without('line', points);
  const point = { type: 'point' as const, opacity: 1 };
  const filled = { ...point, filled: true, size: 50 };
  if (!points.some(({ isFailed }) => isFailed)) return [{ transform, mark: filled }];
  return [
    { transform: [...transform, { filter: '!datum.isFailed' }], mark: filled },
    { transform: [...transform, { filter: 'datum.isFailed' }], mark: { ...point, shape: CROSS, size: 40, strokeWidth: 2.5 } },
  ];
}

const nameText = (align: 'left' | 'right', dx: number, isHere: string) => ({
  transform: [{ filter: `isValid(datum.nameAt) && ${isHere}` }],
  mark: { type: 'text' as const, align, dx, fontWeight: 600 as const },
  field: 'series',
});

/** Points without another one of their series, to the right of the first of all points and to the left of the last. */
function singlePoints(points: readonly PanelPoint[]): ReadonlySet<PanelPoint> {
  const places = points.map(({ x }) => x);
  const [first, last] = [Math.min(...places), Math.max(...places)];
  const groups = [...Map.groupBy(points, ({ series }) => series).values()];
  return new Set(
    groups.flatMap(([point, ...others]) =>
      point !== undefined && others.length === 0 && point.x > first && point.x < last ? [point] : [],
    ),
  );
}

/** Pixels from one line's name to the next. */
const NAME_HEIGHT_PX = 15;

/** Positions of the lines' names, as values: at their last points, moved up where they would overlap. */
function nameplaces(points: readonly PanelPoint[], { y, heightPx }: PanelOptions): ReadonlyMap<PanelPoint, number> {
  const [low, high] = y === 'log' ? logDomain(reachOf(points)) : [0, Math.max(...reachOf(points))];
  const toPx = (value: number): number =>
    heightPx * (y === 'log' ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low));
  const toValue = (px: number): number => (y === 'log' ? low * (high / low) ** (px / heightPx) : low + (px / heightPx) * (high - low));
  const lasts = [...new Map(points.map((point) => [point.series, point])).values()];
  const places = new Map<PanelPoint, number>();
  let free = Number.NEGATIVE_INFINITY;
  for (const point of lasts.sort((a, b) => a.value - b.value)) {
    const atPx = Math.max(toPx(point.value), free);
    places.set(point, toValue(atPx));
    free = atPx + NAME_HEIGHT_PX;
  }
  return places;
}

const reachOf = (points: readonly PanelPoint[]): number[] => points.flatMap(({ value, low, high }) => [value, low ?? value, high ?? value]);

/** Labels are on the side where the line descends, so that it does not cross them. */
function besideLine(points: readonly PanelPoint[]): { readonly align: 'left' | 'right'; readonly dx: number; readonly dy: number } {
  const isRising = (points.at(-1)?.value ?? 0) > (points[0]?.value ?? 0);
  return isRising ? { align: 'right', dx: 6, dy: -11 } : { align: 'left', dx: -2, dy: -11 };
}

/** The same for all panels of a chart, so that they are aligned. */
const AXIS_EXTENT_PX = 52;

function xAxis(points: readonly PanelPoint[], { x, xTicks, xFormat }: PanelOptions) {
  const places = points.map((point) => point.x);
  const reach = x === 'linear' ? [...places, ...(xTicks ?? [])] : places;
  const domain = [Math.min(...reach), Math.max(...reach)];
  if (x === 'linear') {
    return {
      scale: { domain, nice: false, zero: false, padding: 22 },
      axis: { values: [...(xTicks ?? places)], labelOverlap: false as const },
    };
  }
  const isTick = (place: number): boolean => xFormat === 'bytes' || Number.isInteger(Math.round(Math.log10(place) * 1e6) / 1e6);
  const ticks = [...(xTicks ?? [...new Set(places)].filter(isTick))];
  return {
    scale: { type: 'log' as const, domain, nice: false, padding: 22 },
    axis: { values: ticks, labelExpr: xFormat === 'bytes' ? BYTE_SIZE : PLAIN_NUMBER, labelOverlap: false as const },
  };
}

function yAxis(points: readonly PanelPoint[], { y }: PanelOptions) {
  if (y === 'linear')
    return { scale: { domainMin: 0, nice: true }, axis: { grid: true, tickCount: 4, labelExpr: PLAIN_NUMBER, minExtent: AXIS_EXTENT_PX } };
  const domain = logDomain(reachOf(points));
  return {
    scale: { type: 'log' as const, domain },
    // No point is below the lowest label.
    axis: { values: [...new Set([domain[0], ...logTicks(domain)])], labelExpr: PLAIN_NUMBER, grid: true, minExtent: AXIS_EXTENT_PX },
  };
}
