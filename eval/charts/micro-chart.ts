import { parse } from 'csv-parse/sync';
import type { TopLevelSpec } from 'vega-lite';
import { z } from 'zod';
import { formatCount, formatNumber } from '../measuring/format.ts';
import { type Chart, chartTitle } from './chart.ts';
import { costPanel } from './cost-panel.ts';
import { chartConfig, OKABE_ITO } from './theme.ts';

/** One case of the micro-benchmarks as it is written in micro.csv; nanoseconds for one operation. */
export interface MicroRow {
  readonly operation: string;
  readonly name: string;
  readonly size: number;
  readonly sizeOf: string;
  readonly median: number;
  readonly p99: number;
  readonly samples: number;
  readonly commit: string;
  readonly environment: string;
}

export const MICRO_HEADER = [
  'operation',
  'case',
  'size',
  'size_of',
  'median_ns_per_operation',
  'p99_ns_per_operation',
  'samples',
  'commit',
  'environment',
];

const rowSchema = z
  .object({
    operation: z.string(),
    case: z.string(),
    size: z.coerce.number(),
    size_of: z.string(),
    median_ns_per_operation: z.coerce.number(),
    p99_ns_per_operation: z.coerce.number(),
    samples: z.coerce.number(),
    commit: z.string(),
    environment: z.string(),
  })
  .transform(
    (row): MicroRow => ({
      operation: row.operation,
      name: row.case,
      size: row.size,
      sizeOf: row.size_of,
      median: row.median_ns_per_operation,
      p99: row.p99_ns_per_operation,
      samples: row.samples,
      commit: row.commit,
      environment: row.environment,
    }),
  );

/** The rows of a micro.csv. @throws {ZodError} when it is something else. */
export const parseMicroRows = (text: string): readonly MicroRow[] => {
  const records: unknown[] = parse(text, { columns: true });
  return records.map((record) => rowSchema.parse(record));
};

const PANEL_WIDTH_PX = 290;
const COLUMNS = 2;
/** Space beside the panels, for axes and the names of lines. */
const NAMES_WIDTH_PX = 160;
const FONT = 'Inter';
const COLORS = [OKABE_ITO.blue, OKABE_ITO.vermillion, OKABE_ITO.green];

/** Chart of cost against size: a panel for each kind of operation, a line for each case. */
export function microChart(rows: readonly MicroRow[]): Chart {
  const operations = [...new Set(rows.map(({ operation }) => operation))];
  const samples = rows.map((row) => row.samples);
  const commit = rows[0]?.commit ?? 'unknown';
  const title = microTitle(rows);
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: chartTitle(
      title,
      [
        `Nanoseconds for one operation, axes logarithmic but for nodes · single thread, no cluster · median of n = ${formatCount(Math.min(...samples))} or more runs`,
        `a flat line costs the same at every size · commit ${commit.slice(0, 7)}${commit.endsWith('+dirty') ? '+dirty' : ''}`,
      ],
      PANEL_WIDTH_PX * COLUMNS + NAMES_WIDTH_PX,
    ),
    config: chartConfig(FONT),
    spacing: 30,
    columns: COLUMNS,
    resolve: { scale: { color: 'independent' } },
    concat: operations.map((operation) => panelOf(rows.filter((row) => row.operation === operation))),
  };
  return { name: 'bench-micro', title, question: 'What does a part cost, and does it grow with the size?', spec };
}

/** The cheapest and the most expensive part, each at its smallest size. */
function microTitle(rows: readonly MicroRow[]): string {
  const cases = [...Map.groupBy(rows, ({ operation, name }) => `${operation}: ${name}`).values()];
  const smallest = cases.map((of) => of.reduce((least, row) => (row.size < least.size ? row : least)));
  const [cheapest, dearest] = [...smallest]
    .sort((a, b) => a.median - b.median)
    .flatMap((row, at, all) => (at === 0 || at === all.length - 1 ? [row] : []));
  const text = ({ operation, name, median }: MicroRow): string => `${formatNumber(median)} ns (${name}, ${operation})`;
  if (cheapest === undefined || dearest === undefined) return 'Cost of the parts, against size';
  return `At their smallest size the parts cost ${text(cheapest)} to ${text(dearest)}`;
}

function panelOf(rows: readonly MicroRow[]) {
  const names = [...new Set(rows.map(({ name }) => name))];
  const [{ operation, sizeOf } = { operation: '', sizeOf: '' }] = rows;
  const points = rows.map(({ name, size, median }) => ({ x: size, value: median, series: name, label: formatNumber(median) }));
  const panel = costPanel(points, {
    widthPx: PANEL_WIDTH_PX,
    heightPx: 170,
    xTitle: capitalized(sizeOf),
    yTitle: 'Cost (ns)',
    ...(sizeOf === 'nodes' ? { x: 'linear', xTicks: points.map(({ x }) => x), y: 'linear' } : { x: 'log', y: 'log' }),
    colors: Object.fromEntries(names.map((name, at) => [name, COLORS[at % COLORS.length] ?? OKABE_ITO.black])),
  });
  return { ...panel, title: { text: capitalized(operation), fontSize: 13, offset: 10 } };
}

const capitalized = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);
