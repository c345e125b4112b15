import { readFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';

/** What else used the machine during a measurement. Shares are of all processors' time, in [0, 1]; `null` where the system does not say. */
export interface MachineLoad {
  /** The load average of the last minute, at the end. */
  readonly loadAverage: number | null;
  /** Taken by the host of a virtual machine. */
  readonly stealShare: number | null;
  /** Used by other processes. */
  readonly otherShare: number | null;
}

/** Above this share of other processes and the host, a figure is of a busy machine. */
export const BUSY_SHARE = 0.1;

interface ProcessorTimes {
  readonly allMs: number;
  readonly busyMs: number;
  readonly stealMs: number | undefined;
  readonly ownMs: number;
}

/** Begins to watch. @returns ends it, with what happened meanwhile. */
export function watchMachine(): () => MachineLoad {
  const before = processorTimes();
  return () => loadBetween(before, processorTimes());
}

export function loadBetween(before: ProcessorTimes, after: ProcessorTimes, average: number | undefined = loadavg()[0]): MachineLoad {
  const allMs = after.allMs - before.allMs;
  const shareOf = (ms: number): number => Math.round((Math.max(0, ms) / allMs) * 1000) / 1000;
  const isKnown = allMs > 0;
  const stealMs = after.stealMs === undefined || before.stealMs === undefined ? undefined : after.stealMs - before.stealMs;
  return {
    // Windows has none, and returns zeros.
    loadAverage: average === undefined || (average === 0 && process.platform === 'win32') ? null : Math.round(average * 100) / 100,
    stealShare: !isKnown || stealMs === undefined ? null : shareOf(stealMs),
    otherShare: isKnown ? shareOf(after.busyMs - before.busyMs - (after.ownMs - before.ownMs)) : null,
  };
}

function processorTimes(): ProcessorTimes {
  let [allMs, busyMs] = [0, 0];
  for (const { times } of cpus()) {
    const usedMs = times.user + times.nice + times.sys + times.irq;
    busyMs += usedMs;
    allMs += usedMs + times.idle;
  }
  const { user, system } = process.cpuUsage();
  const stealMs = readStealMs();
  return { allMs: allMs + (stealMs ?? 0), busyMs, stealMs, ownMs: (user + system) / 1000 };
}

/** The length of a clock tick in `/proc`, which is the same on all Linux that Node.js runs on. */
const PROC_TICK_MS = 10;

/** Node.js does not report it. */
function readStealMs(): number | undefined {
  try {
    // user nice system idle iowait irq softirq steal
    const ticks = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]?.trim().split(/\s+/)[8];
    return ticks === undefined ? undefined : Number(ticks) * PROC_TICK_MS;
  } catch {
    return undefined;
  }
}
