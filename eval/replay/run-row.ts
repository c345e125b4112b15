import type { LoadModel } from './workload.ts';

/** The results of a run. `null` is an empty cell: not measured, or too few samples. Milliseconds, bytes, per second. */
export interface RunFigures {
  /** From the first message's due time to the last delivery, pacing and settling included; empty for an interrupted run. */
  readonly wall_ms: number | null;
  /** (wall − delay · messages − settle) / messages. */
  readonly overhead_per_message_ms: number | null;
  readonly attempted: number;
  readonly acknowledged: number;
  readonly failed: number;
  readonly unknown: number;
  readonly completed: number;
  readonly lost: number;
  readonly duplicated: number;
  /** Payloads that came back changed, or were never sent. */
  readonly changed: number;
  /** Whether the queue was seen empty in the end: otherwise `lost` may be too small. */
  readonly drained: boolean;
  /** Messages added, acknowledged and completed by a consumer, a second of wall time. */
  readonly throughput_per_s: number | null;
  /** From the first message's due time to the last acknowledgement. */
  readonly add_ms: number | null;
  readonly adds_per_s: number | null;
  /** Acknowledged − intended start; empty in a closed loop, which has no intended start. */
  readonly latency_p50_ms: number | null;
  readonly latency_p90_ms: number | null;
  readonly latency_p99_ms: number | null;
  readonly latency_p999_ms: number | null;
  readonly latency_max_ms: number | null;
  /** Acknowledged − sent. */
  readonly service_p50_ms: number | null;
  readonly service_p99_ms: number | null;
  /** Of a steady run: the first second, the time until its rate was steady, whether it was, and the rate of each second, warm-up first. */
  readonly first_second_per_s: number | null;
  readonly warm_up_ms: number | null;
  readonly is_steady: number | null;
  readonly windows_per_s: string;
  readonly elections: number | null;
  readonly messages_by_rpc: string;
  readonly bytes_sent: number | null;
  readonly fsyncs: number | null;
  readonly cpu_ms: number | null;
  readonly rss_bytes: number | null;
  /** Lateness of the load generator: sent − due on a schedule, otherwise the delay of its event loop. */
  readonly generator_lag_max_ms: number | null;
  /** Share of messages sent later than the settings allow. */
  readonly generator_late_share: number | null;
  /** See `MachineLoad`: of the measured part. */
  readonly load_average: number | null;
  readonly steal_share: number | null;
  readonly other_cpu_share: number | null;
}

/**
 * One run as it is written in results/runs.csv.
 */
export interface RunRow extends RunFigures {
  readonly scenario: string;
  readonly kind: string;
  /** Of one command: the time of its start. */
  readonly session: string;
  readonly run: string;
  readonly repetition: number;
  readonly seed: number;
  /** ISO 8601, UTC. */
  readonly started: string;
  readonly command: string;
  readonly commit: string;
  readonly config_hash: string;
  readonly environment: string;
  /** Median time of a durable write of 4 KiB just before the run. */
  readonly fdatasync_p50_ms: number | null;
  readonly system: string;
  readonly transport: string;
  readonly nodes: number;
  readonly load_model: LoadModel;
  readonly clients: number;
  /** Empty in a closed loop. */
  readonly offered_per_s: number | null;
  readonly in_flight_max: number | null;
  readonly delay_ms: number;
  readonly settle_ms: number;
  /** 0 where their number was not planned. */
  readonly messages: number;
  readonly payload_bytes: number;
  readonly durability: string;
  readonly warm_up_messages: number;
  readonly valid: boolean;
  readonly reason: string;
}

type Cell = 'text' | 'number' | 'number-or-empty' | 'boolean';
type CellOf<T> = T extends boolean ? 'boolean' : T extends string ? 'text' : null extends T ? 'number-or-empty' : 'number';

/** The columns of results/runs.csv in their order. The compiler checks it against RunRow. */
export const RUN_COLUMNS: { readonly [K in keyof RunRow]: CellOf<RunRow[K]> } = {
  scenario: 'text',
  kind: 'text',
  session: 'text',
  run: 'text',
  repetition: 'number',
  seed: 'number',
  started: 'text',
  command: 'text',
  commit: 'text',
  config_hash: 'text',
  environment: 'text',
  fdatasync_p50_ms: 'number-or-empty',
  system: 'text',
  transport: 'text',
  nodes: 'number',
  load_model: 'text',
  clients: 'number',
  offered_per_s: 'number-or-empty',
  in_flight_max: 'number-or-empty',
  delay_ms: 'number',
  settle_ms: 'number',
  messages: 'number',
  payload_bytes: 'number',
  durability: 'text',
  warm_up_messages: 'number',
  wall_ms: 'number-or-empty',
  overhead_per_message_ms: 'number-or-empty',
  attempted: 'number',
  acknowledged: 'number',
  failed: 'number',
  unknown: 'number',
  completed: 'number',
  lost: 'number',
  duplicated: 'number',
  changed: 'number',
  drained: 'boolean',
  throughput_per_s: 'number-or-empty',
  add_ms: 'number-or-empty',
  adds_per_s: 'number-or-empty',
  latency_p50_ms: 'number-or-empty',
  latency_p90_ms: 'number-or-empty',
  latency_p99_ms: 'number-or-empty',
  latency_p999_ms: 'number-or-empty',
  latency_max_ms: 'number-or-empty',
  service_p50_ms: 'number-or-empty',
  service_p99_ms: 'number-or-empty',
  first_second_per_s: 'number-or-empty',
  warm_up_ms: 'number-or-empty',
  is_steady: 'number-or-empty',
  windows_per_s: 'text',
  elections: 'number-or-empty',
  messages_by_rpc: 'text',
  bytes_sent: 'number-or-empty',
  fsyncs: 'number-or-empty',
  cpu_ms: 'number-or-empty',
  rss_bytes: 'number-or-empty',
  generator_lag_max_ms: 'number-or-empty',
  generator_late_share: 'number-or-empty',
  load_average: 'number-or-empty',
  steal_share: 'number-or-empty',
  other_cpu_share: 'number-or-empty',
  valid: 'boolean',
  reason: 'text',
};

export const RUN_HEADER: readonly string[] = Object.keys(RUN_COLUMNS);

/** @throws {Error} naming the column whose cell cannot be read. */
export function parseRunRow(cells: Readonly<Record<string, string>>): RunRow {
  const entries = Object.entries(RUN_COLUMNS).map(([name, kind]): [string, unknown] => [name, parseCell(name, kind, cells[name])]);
  // The only cast: RUN_COLUMNS, which the compiler checks against RunRow, has given every column its type.
  return Object.fromEntries(entries) as unknown as RunRow;
}

function parseCell(name: string, kind: Cell, text: string | undefined): unknown {
  if (text === undefined) throw new Error(`column "${name}" is missing`);
  if (kind === 'text') return text;
  if (kind === 'boolean') {
    if (text !== 'true' && text !== 'false') throw new Error(`column "${name}" holds "${text}" and not true or false`);
    return text === 'true';
  }
  if (text === '' && kind === 'number-or-empty') return null;
  const value = Number(text);
  if (text === '' || !Number.isFinite(value)) throw new Error(`column "${name}" holds "${text}" and not a number`);
  return value;
}
