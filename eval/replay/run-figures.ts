import { round, summarizeLatency } from '../measuring/latency-summary.ts';
import type { MachineLoad } from '../measuring/machine-load.ts';
import type { DeliveryLedger } from './delivery-ledger.ts';
import type { RunFigures } from './run-row.ts';
import type { SteadyRun, WorkloadRun } from './run-workload.ts';
import type { SystemCounters } from './system-under-test.ts';
import { type ListedWorkload, scheduleMs } from './workload.ts';

const NOT_STEADY = { first_second_per_s: null, warm_up_ms: null, is_steady: null, windows_per_s: '' };

/** Measurements beside the messages themselves. */
export interface SideMeasures {
  readonly counted: SystemCounters | undefined;
  readonly cpuMs: number | null;
  readonly rssBytes: number | null;
  /** Longest delay of the load generator's event loop. */
  readonly loopDelayMaxMs: number | null;
  /** Of the machine, during the run. */
  readonly load: MachineLoad;
}

/** The figures of one run, from the outcomes of its messages. */
export function runFigures(workload: ListedWorkload, done: WorkloadRun, generatorLagMsMax: number, side: SideMeasures): RunFigures {
  const { foreign, ...tally } = done.ledger.tally();
  const lag = generatorLag(done.ledger, generatorLagMsMax);
  const wallMs = done.endMs - done.startMs;
  const addMs = done.ledger.lastAcknowledgedMs - done.startMs;
  const isScheduled = workload.model === 'open-loop';
  const isWhole = tally.attempted === workload.messages;
  const isComplete = isWhole && workload.model !== 'open-loop';
  const latency = isScheduled ? summarizeLatency(durations(done.ledger, 'intendedMs')) : undefined;
  const service = summarizeLatency(durations(done.ledger, 'sentMs'));
  return {
    wall_ms: isWhole ? round(wallMs) : null,
    overhead_per_message_ms: isComplete ? roundFine((wallMs - scheduleMs(workload)) / workload.messages) : null,
    ...tally,
    changed: foreign,
    drained: done.drained,
    // An interrupted replay has no rate: without its last pauses it would be above the ceiling of its pacing.
    throughput_per_s: isWhole ? perSecond(tally.acknowledged - tally.lost, wallMs) : null,
    add_ms: Number.isNaN(addMs) ? null : round(addMs),
    adds_per_s: isWhole ? perSecond(tally.acknowledged, addMs) : null,
    latency_p50_ms: latency?.p50Ms ?? null,
    latency_p90_ms: latency?.p90Ms ?? null,
    latency_p99_ms: latency?.p99Ms ?? null,
    latency_p999_ms: latency?.p999Ms ?? null,
    latency_max_ms: latency?.maxMs ?? null,
    service_p50_ms: service.p50Ms,
    service_p99_ms: service.p99Ms,
    ...NOT_STEADY,
    ...sideFigures(side),
    generator_lag_max_ms: isScheduled ? lag.maxMs : side.loopDelayMaxMs,
    generator_late_share: isScheduled ? roundFine(lag.lateShare) : null,
  };
}

/** The figures of a steady run: rates, and no latencies, since a closed loop has none. */
export function steadyFigures({ state, tally: { foreign, ...tally }, drained }: SteadyRun, side: SideMeasures): RunFigures {
  const known = (value: number): number | null => (Number.isFinite(value) ? round(value) : null);
  return {
    ...NOTHING_MEASURED,
    wall_ms: round(state.measuredMs),
    ...tally,
    changed: foreign,
    drained,
    throughput_per_s: known(state.perSecond),
    first_second_per_s: known(state.firstSecondPerSecond),
    warm_up_ms: round(state.warmUpMs),
    is_steady: state.isSteady ? 1 : 0,
    windows_per_s: state.windows.map((rate) => Math.round(rate)).join(';'),
    ...sideFigures(side),
    generator_lag_max_ms: side.loopDelayMaxMs,
  };
}

const sideFigures = ({ counted, cpuMs, rssBytes, load }: SideMeasures) => ({
  elections: counted?.elections ?? null,
  messages_by_rpc: Object.entries(counted?.rpcSent ?? {})
    .filter(([, count]) => count > 0)
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, count]) => `${name}=${count}`)
    .join(';'),
  bytes_sent: counted?.bytesSent ?? null,
  fsyncs: counted?.fsyncs ?? null,
  cpu_ms: cpuMs,
  rss_bytes: rssBytes,
  load_average: load.loadAverage,
  steal_share: load.stealShare,
  other_cpu_share: load.otherShare,
});

/** The row of a run that broke before its first message. */
export const NOTHING_MEASURED: RunFigures = {
  wall_ms: null,
  overhead_per_message_ms: null,
  attempted: 0,
  acknowledged: 0,
  failed: 0,
  unknown: 0,
  completed: 0,
  lost: 0,
  duplicated: 0,
  changed: 0,
  drained: false,
  throughput_per_s: null,
  add_ms: null,
  adds_per_s: null,
  latency_p50_ms: null,
  latency_p90_ms: null,
  latency_p99_ms: null,
  latency_p999_ms: null,
  latency_max_ms: null,
  service_p50_ms: null,
  service_p99_ms: null,
  ...NOT_STEADY,
  elections: null,
  messages_by_rpc: '',
  bytes_sent: null,
  fsyncs: null,
  cpu_ms: null,
  rss_bytes: null,
  generator_lag_max_ms: null,
  generator_late_share: null,
  load_average: null,
  steal_share: null,
  other_cpu_share: null,
};

/** Microseconds are too coarse for an overhead that is shared by thousands of messages. */
const roundFine = (value: number): number => Math.round(value * 1e6) / 1e6;

/** A run that ended before its clock moved has no rate. */
const perSecond = (count: number, overMs: number): number | null => (overMs > 0 ? round((count / overMs) * 1000) : null);

function* durations(ledger: DeliveryLedger, from: 'intendedMs' | 'sentMs'): Generator<number> {
  for (const sample of ledger.samples()) {
    if (sample.outcome === 'acknowledged') yield sample.acknowledgedMs - sample[from];
  }
}

function generatorLag(ledger: DeliveryLedger, lagMsMax: number): { readonly maxMs: number; readonly lateShare: number } {
  let maxMs = 0;
  let late = 0;
  let count = 0;
  for (const { intendedMs, sentMs } of ledger.samples()) {
    const lagMs = sentMs - intendedMs;
    maxMs = Math.max(maxMs, lagMs);
    if (lagMs > lagMsMax) late += 1;
    count += 1;
  }
  return { maxMs: round(maxMs), lateShare: count === 0 ? 0 : late / count };
}
