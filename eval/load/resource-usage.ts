/** Counters of the operating system at one moment. */
export interface ResourceSnapshot {
  readonly atMs: number;
  /** Processor time of the whole process since its start. */
  readonly cpuMs: number;
  /** Of the disk that holds the folder; `undefined` where the system does not say. */
  readonly disk: DiskCounters | undefined;
  /** By the thread's name; empty where the system does not say. */
  readonly threads: ReadonlyMap<string, ThreadCounters>;
}

export interface DiskCounters {
  /** Time in which at least one request was in progress. */
  readonly busyMs: number;
  readonly writtenBytes: number;
}

/** Since the thread's start; the states since the watch's. */
export interface ThreadCounters {
  readonly onProcessorMs: number;
  /** Ready to run, while others had the processors. */
  readonly readyMs: number;
  /** How often its state was looked at. */
  readonly looks: number;
  /** How often it waited for the disk then. */
  readonly looksOnDisk: number;
}

/** Shares of a thread's time, in [0, 1]. What is left, it slept: nothing was to do. */
export interface ThreadShares {
  readonly onProcessor: number;
  readonly ready: number;
  readonly onDisk: number;
}

/** What was used between two snapshots. */
export interface ResourceUsage {
  /** Processor time of the process, as a share of all processors' time. */
  readonly processors: number;
  readonly diskBusy: number | undefined;
  /** 10^6 B a second, of all that writes to the disk. */
  readonly diskMegabytesPerSecond: number | undefined;
  readonly threads: ReadonlyMap<string, ThreadShares>;
}

/** @param cores number of processors. */
export function usageBetween(before: ResourceSnapshot, after: ResourceSnapshot, cores: number): ResourceUsage {
  const ms = after.atMs - before.atMs;
  const disk = before.disk === undefined || after.disk === undefined ? undefined : { before: before.disk, after: after.disk };
  const threads = [...after.threads].flatMap(([name, last]) => {
    const first = before.threads.get(name);
    return first === undefined ? [] : [[name, sharesBetween(first, last, ms)] as const];
  });
  return {
    processors: (after.cpuMs - before.cpuMs) / (ms * cores),
    diskBusy: disk && Math.min(1, (disk.after.busyMs - disk.before.busyMs) / ms),
    diskMegabytesPerSecond: disk && (disk.after.writtenBytes - disk.before.writtenBytes) / 1000 / ms,
    threads: new Map(threads),
  };
}

function sharesBetween(before: ThreadCounters, after: ThreadCounters, ms: number): ThreadShares {
  const onProcessor = Math.min(1, (after.onProcessorMs - before.onProcessorMs) / ms);
  const ready = Math.min(1 - onProcessor, (after.readyMs - before.readyMs) / ms);
  const looks = after.looks - before.looks;
  const onDisk = looks === 0 ? 0 : (after.looksOnDisk - before.looksOnDisk) / looks;
  // A sample has an error; the counters have none.
  return { onProcessor, ready, onDisk: Math.min(onDisk, 1 - onProcessor - ready) };
}

const SECTOR_BYTES = 512;

/** @param stat the text of `/sys/dev/block/<device>/stat` (Documentation/block/stat.rst of Linux). */
export function parseDiskStat(stat: string): DiskCounters | undefined {
  // read I/Os, merges, sectors, ticks; write I/Os, merges, sectors, ticks; in flight, io_ticks
  const fields = stat.trim().split(/\s+/).map(Number);
  const [sectors, busyMs] = [fields[6], fields[9]];
  return sectors === undefined || busyMs === undefined ? undefined : { busyMs, writtenBytes: sectors * SECTOR_BYTES };
}

/** @param schedstat the text of `/proc/<process>/task/<thread>/schedstat` (Documentation/scheduler/sched-stats.rst of Linux). */
export function parseSchedstat(schedstat: string): Pick<ThreadCounters, 'onProcessorMs' | 'readyMs'> | undefined {
  const [onProcessorNs, readyNs] = schedstat.trim().split(/\s+/).map(Number);
  if (onProcessorNs === undefined || readyNs === undefined) return undefined;
  return { onProcessorMs: onProcessorNs / 1e6, readyMs: readyNs / 1e6 };
}

/** @param stat the text of `/proc/<process>/task/<thread>/stat`: the state follows the name, which may contain parentheses. */
export const isWaitingForDisk = (stat: string): boolean => stat.charAt(stat.lastIndexOf(')') + 2) === 'D';
