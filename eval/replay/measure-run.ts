import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock } from '../measuring/clock.ts';
import { probeFdatasync } from '../measuring/environment.ts';
import { round } from '../measuring/latency-summary.ts';
import { type MachineLoad, watchMachine } from '../measuring/machine-load.ts';
import { messageOf } from '../measuring/user-error.ts';
import type { DeliveryLedger, Tally } from './delivery-ledger.ts';
import { NOTHING_MEASURED, runFigures, type SideMeasures, steadyFigures } from './run-figures.ts';
import type { RunFiles, RunFolder } from './run-files.ts';
import { runInThreads } from './run-in-threads.ts';
import type { PlannedRun } from './run-plan.ts';
import type { RunFigures, RunRow } from './run-row.ts';
import { runSteady, runWorkload, type SteadyRun, type WorkloadContext, type WorkloadRun } from './run-workload.ts';
import type { Durability, Settings } from './settings.ts';
import type { RunningSystem, SystemCounters, SystemUnderTest } from './system-under-test.ts';
import { type ClosedLoopWorkload, intervalMs, settleMsOf } from './workload.ts';

/** Values that are the same for every run of a session. */
export interface Session {
  readonly settings: Settings;
  readonly target: SystemUnderTest;
  readonly files: RunFiles;
  readonly clock: Clock;
  readonly command: string;
  readonly commit: string;
  readonly configHash: string;
  readonly environment: string;
  /** The time of its start, which is its name. */
  readonly session: string;
  readonly nodes: number;
  readonly durability: Durability;
  readonly signal: AbortSignal;
}

/** Durable writes before each run: a tenth of a second on a usual disk. */
const RUN_PROBES = 40;
/** Sender and consumer have one each. */
const OPEN_LOOP_CLIENTS = 2;
const QUEUE = 'messages';
const WARM_UP_QUEUE = 'warm-up';

/**
 * One run: a fresh cluster, a discarded warm-up, the workload, a full drain, one row. The row is written in any case
 * and says whether it is valid.
 * @param onProgress called with the share of the messages sent so far, in [0, 1].
 */
export async function measureRun(planned: PlannedRun, session: Session, onProgress: (share: number) => void): Promise<RunRow> {
  const started = new Date();
  const run = runName(planned, started);
  const folder = session.files.openRun(run);
  const measured = new Measurement(planned, session, { run, started: started.toISOString(), folder });
  try {
    await measured.take(onProgress);
  } catch (error) {
    measured.spoil(`error: ${messageOf(error)}`);
  } finally {
    session.files.removeData();
  }
  const row = measured.row();
  session.files.appendRow(row);
  return row;
}

/** Sorts by time, and names the case: `20260102T030405-low-paced-100x4-r1`. */
function runName({ scenario, kind, workload, repetition }: PlannedRun, started: Date): string {
  const time = started.toISOString().replace(/[-:]/g, '').slice(0, 15);
  return `${time}-${scenario}-${kind}-${workload.messages}x${workload.payloadBytes}-r${repetition}`;
}

class Measurement {
  readonly #planned: PlannedRun;
  readonly #session: Session;
  readonly #name: { readonly run: string; readonly started: string; readonly folder: RunFolder };
  readonly #faults: string[] = [];
  #warmUp: DeliveryLedger | undefined;
  #run: WorkloadRun | undefined;
  #steady: SteadyRun | undefined;
  #counted: SystemCounters | undefined;
  #cpuMs: number | null = null;
  #rssBytes: number | null = null;
  #loopDelayMaxMs: number | null = null;
  #load: MachineLoad = { loadAverage: null, stealShare: null, otherShare: null };
  #fdatasyncMs: number | null = null;

  constructor(planned: PlannedRun, session: Session, name: { readonly run: string; readonly started: string; readonly folder: RunFolder }) {
    this.#planned = planned;
    this.#session = session;
    this.#name = name;
  }

  spoil(reason: string): void {
    this.#faults.push(reason);
  }

  async take(onProgress: (share: number) => void): Promise<void> {
    const { target, signal } = this.#session;
    const { logsDir, dataDir } = this.#name.folder;
    this.#fdatasyncMs = probeFdatasync(dataDir, RUN_PROBES).p50Ms;
    const system = await target.start({ dataDir, logsDir, seed: this.#planned.seed });
    try {
      await this.#takeFrom(system, onProgress);
    } finally {
      await system.stop();
    }
    if (signal.aborted) this.spoil('interrupted');
    if (this.#run !== undefined) {
      this.#session.files.appendSamples(this.#name.run, this.#run.startMs, this.#run.ledger, this.#warmUp);
    }
  }

  async #takeFrom(system: RunningSystem, onProgress: (share: number) => void): Promise<void> {
    const { workload } = this.#planned;
    const measure = (load: (context: WorkloadContext) => Promise<void>) => this.#measure(system, onProgress, load);
    switch (workload.model) {
      // It warms up by itself.
      case 'steady':
        return measure(async (context) => {
          this.#steady = await runSteady(workload, context);
        });
      case 'open-loop': {
        await using threads = await system.openLoadThreads();
        await this.#warmUpWith(system, (warmUp, context) => runInThreads(warmUp, threads, context));
        return await measure(async (context) => {
          this.#run = await runInThreads(workload, threads, context);
        });
      }
      case 'paced':
      case 'closed-loop':
        await this.#warmUpWith(system, runWorkload);
        return measure(async (context) => {
          this.#run = await runWorkload(workload, context);
        });
    }
  }

  async #warmUpWith(
    system: RunningSystem,
    run: (workload: ClosedLoopWorkload, context: WorkloadContext) => Promise<WorkloadRun>,
  ): Promise<void> {
    const { messages, bytesMax, inFlightMax } = this.#session.settings.warmUp;
    const { payloadBytes } = this.#planned.workload;
    const count = Math.min(messages, Math.max(8, Math.floor(bytesMax / payloadBytes)));
    if (messages === 0) return;
    const workload: ClosedLoopWorkload = { model: 'closed-loop', messages: count, payloadBytes, inFlightMax: Math.min(inFlightMax, count) };
    const context = this.#workloadContext(system, WARM_UP_QUEUE, () => undefined);
    this.#warmUp = (await run(workload, context)).ledger;
  }

  async #measure(
    system: RunningSystem,
    onProgress: (share: number) => void,
    load: (context: WorkloadContext) => Promise<void>,
  ): Promise<void> {
    if (this.#session.signal.aborted) return;
    const { messages } = this.#planned.workload;
    const context = this.#workloadContext(system, QUEUE, (sent) => {
      if (messages > 0) onProgress(sent / messages);
    });
    const before = await system.counters();
    const loopDelay = monitorEventLoopDelay({ resolution: 5 });
    loopDelay.enable();
    const cpuBefore = process.cpuUsage();
    const loadOf = watchMachine();
    await load(context);
    const cpu = process.cpuUsage(cpuBefore);
    this.#load = loadOf();
    loopDelay.disable();
    this.#cpuMs = round((cpu.user + cpu.system) / 1000);
    this.#rssBytes = process.memoryUsage.rss();
    // The histogram counts whole intervals of its timer; the time beyond the interval is delay.
    this.#loopDelayMaxMs = loopDelay.count === 0 ? null : round(Math.max(0, loopDelay.max / 1e6 - 5));
    this.#counted = difference(await system.counters(), before);
  }

  #workloadContext(system: RunningSystem, queue: string, onSent: (sent: number) => void): WorkloadContext {
    const { settings, clock, signal } = this.#session;
    const { concurrency } = settings.consumer;
    return { system, clock, queue, seed: this.#planned.seed, concurrency, drainMsMax: settings.drainMsMax, signal, onSent };
  }

  row(): RunRow {
    const { scenario, kind, workload, repetition, seed } = this.#planned;
    const session = this.#session;
    const figures = this.#figures();
    return {
      scenario,
      kind,
      session: session.session,
      run: this.#name.run,
      repetition,
      seed,
      started: this.#name.started,
      command: session.command,
      commit: session.commit,
      config_hash: session.configHash,
      environment: session.environment,
      fdatasync_p50_ms: this.#fdatasyncMs,
      system: session.target.name,
      transport: session.target.transport,
      nodes: session.nodes,
      load_model: workload.model,
      clients: workload.model === 'open-loop' ? OPEN_LOOP_CLIENTS : 1,
      offered_per_s: workload.model === 'open-loop' ? round(workload.ratePerSecond) : null,
      in_flight_max: 'inFlightMax' in workload ? workload.inFlightMax : null,
      delay_ms: round(intervalMs(workload)),
      settle_ms: settleMsOf(workload),
      messages: workload.messages,
      payload_bytes: workload.payloadBytes,
      durability: session.durability,
      warm_up_messages: this.#warmUp?.messages ?? 0,
      ...figures,
      valid: this.#faults.length === 0,
      reason: this.#faults.join('; '),
    };
  }

  #figures(): RunFigures {
    const { workload } = this.#planned;
    const side: SideMeasures = {
      counted: this.#counted,
      cpuMs: this.#cpuMs,
      rssBytes: this.#rssBytes,
      loopDelayMaxMs: this.#loopDelayMaxMs,
      load: this.#load,
    };
    if (this.#steady !== undefined) {
      this.#judge(this.#steady, this.#steady.tally);
      return steadyFigures(this.#steady, side);
    }
    const done = this.#run;
    if (done === undefined || workload.model === 'steady') return NOTHING_MEASURED;
    this.#judge(done, done.ledger.tally());
    return runFigures(workload, done, this.#session.settings.generatorLagMsMax, side);
  }

  /**
   * A run is invalid when its figures are misleading; losses and failures are results, and leave it valid. A late sender does, too: the
   * system shares the machine with it, and may be the cause. Such runs are shown, and the figures with and without them.
   */
  #judge(done: Pick<WorkloadRun, 'drained' | 'consumerError'>, tally: Tally): void {
    const { workload } = this.#planned;
    const { signal } = this.#session;
    if (!done.drained) this.spoil('the queue was not drained in time');
    if (tally.foreign > 0) this.spoil(`${tally.foreign} payloads came back changed`);
    if (done.consumerError !== undefined) this.spoil(`consumer: ${done.consumerError}`);
    if (tally.attempted < workload.messages && !signal.aborted) this.spoil('not all messages were sent');
  }
}

function difference(after: SystemCounters, before: SystemCounters): SystemCounters {
  const rpcSent: Record<string, number> = {};
  for (const [name, count] of Object.entries(after.rpcSent)) rpcSent[name] = count - (before.rpcSent[name] ?? 0);
  return {
    elections: after.elections - before.elections,
    rpcSent,
    bytesSent: after.bytesSent - before.bytesSent,
    fsyncs: after.fsyncs - before.fsyncs,
  };
}
