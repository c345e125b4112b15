import { readdirSync, readFileSync, statSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../measuring/clock.ts';
import { isWaitingForDisk, parseDiskStat, parseSchedstat, type ResourceSnapshot, type ThreadCounters } from './resource-usage.ts';
import type { WatchPlan } from './resource-watch.ts';

// The only cast: this thread is started in one place, with this data.
const { folder } = workerData as WatchPlan;

const LOOK_MS = 10;
/** Threads come and go. */
const LIST_MS = 1000;
const TASKS = '/proc/self/task';
/** The client's thread, and those of the nodes. */
const WATCHED = /^(MainThread|jobraft node \d+)$/;

interface Watched {
  readonly path: string;
  looks: number;
  looksOnDisk: number;
}

const threads = new Map<string, Watched>();

/** `undefined` where the system does not have the file, or the thread has ended. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function listThreads(): void {
  let ids: readonly string[] = [];
  try {
    ids = readdirSync(TASKS);
  } catch {
    // Not Linux: no thread is watched.
  }
  for (const id of ids) {
    const name = read(`${TASKS}/${id}/comm`)?.trim() ?? '';
    const path = `${TASKS}/${id}`;
    if (WATCHED.test(name) && threads.get(name)?.path !== path) threads.set(name, { path, looks: 0, looksOnDisk: 0 });
  }
}

function look(): void {
  for (const thread of threads.values()) {
    const stat = read(`${thread.path}/stat`);
    if (stat === undefined) continue;
    thread.looks += 1;
    if (isWaitingForDisk(stat)) thread.looksOnDisk += 1;
  }
}

function countersOf({ path, looks, looksOnDisk }: Watched): ThreadCounters | undefined {
  const times = parseSchedstat(read(`${path}/schedstat`) ?? '');
  return times && { ...times, looks, looksOnDisk };
}

/** A device is two numbers in one, as the C library's `makedev` composes them. */
function diskStatPath(): string {
  const { dev } = statSync(folder, { bigint: true });
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn);
  const minor = (dev & 0xffn) | ((dev >> 12n) & ~0xffn);
  return `/sys/dev/block/${major}:${minor}/stat`;
}

function snapshot(): ResourceSnapshot {
  const { user, system } = process.cpuUsage();
  return {
    atMs: systemClock.nowMs(),
    cpuMs: (user + system) / 1000,
    disk: parseDiskStat(read(diskStatPath()) ?? ''),
    threads: new Map(
      [...threads].flatMap(([name, watched]) => {
        const counters = countersOf(watched);
        return counters === undefined ? [] : [[name, counters] as const];
      }),
    ),
  };
}

listThreads();
setInterval(listThreads, LIST_MS);
setInterval(look, LOOK_MS);
parentPort?.on('message', () => parentPort?.postMessage(snapshot()));
