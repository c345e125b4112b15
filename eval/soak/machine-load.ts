import { readFileSync } from 'node:fs';

const TICK_MS = 20;
/** Smaller delays do not explain an election. */
const DELAY_MIN_MS = 20;
const SAMPLE_EVERY_MS = 500;
/** How long before an election its cause can be: more than the longest election timeout, and a round of votes. */
const BEFORE_MS = 2_000;
/** The length of a clock tick in `/proc`, which is the same on all Linux that Node.js runs on. */
const PROC_TICK_MS = 10;

/** If a timer of an idle process is this late, the machine was stalled: half of the shortest election timeout. */
const STANDSTILL_MS = 125;
/** If other processes use more than this share of the processors, a node has to wait for one. */
const OTHERS_MAX = 0.5;

/** The state of the machine before an election. */
export interface MachineMoment {
  /** Lateness of a timer of the otherwise idle driver, in milliseconds. */
  readonly timerLateMs: number;
  /** Share of all processors that other processes, or the host of a virtual machine, used; 0 where the system does not report it. */
  readonly othersShare: number;
}

export const isBusy = ({ timerLateMs, othersShare }: MachineMoment): boolean => timerLateMs >= STANDSTILL_MS || othersShare > OTHERS_MAX;

export const describeMoment = ({ timerLateMs, othersShare }: MachineMoment): string =>
  `an idle timer was ${timerLateMs.toFixed(0)} ms late, other processes used ${(othersShare * 100).toFixed(0)} % of the processors`;

interface ProcessorTimes {
  readonly atMs: number;
  readonly allMs: number;
  readonly busyMs: number;
  /** Of this process and the process under test. */
  readonly ownMs: number;
}

/** Measures the load of the machine beside the processes under test. */
export class MachineLoad implements Disposable {
  readonly #pidsUnderTest: () => readonly number[];
  readonly #delays: { readonly atMs: number; readonly lateMs: number }[] = [];
  readonly #shares: { readonly atMs: number; readonly share: number }[] = [];
  readonly #timers: readonly NodeJS.Timeout[];
  #dueMs = performance.now() + TICK_MS;
  #last: ProcessorTimes | undefined;
  #lastPids = '';

  constructor(pidsUnderTest: () => readonly number[]) {
    this.#pidsUnderTest = pidsUnderTest;
    this.#timers = [setInterval(() => this.#onTick(), TICK_MS), setInterval(() => this.#sample(), SAMPLE_EVERY_MS)];
  }

  /** The maximum in a short time before `atMs` (of the wall clock). */
  before(atMs: number): MachineMoment {
    const late = this.#delays.filter((delay) => delay.atMs > atMs - BEFORE_MS && delay.atMs - delay.lateMs <= atMs);
    const shares = this.#shares.filter((sample) => sample.atMs > atMs - BEFORE_MS && sample.atMs - SAMPLE_EVERY_MS <= atMs);
    return {
      timerLateMs: late.reduce((most, { lateMs }) => Math.max(most, lateMs), 0),
      othersShare: shares.reduce((most, { share }) => Math.max(most, share), 0),
    };
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  #onTick(): void {
    const nowMs = performance.now();
    const lateMs = nowMs - this.#dueMs;
    if (lateMs >= DELAY_MIN_MS) this.#delays.push({ atMs: Date.now(), lateMs });
    this.#dueMs = nowMs + TICK_MS;
  }

  #sample(): void {
    const pids = this.#pidsUnderTest();
    const now = processorTimes(pids);
    const last = this.#last;
    // The times of a process that began or ended in between are not known.
    if (now !== undefined && last !== undefined && pids.join() === this.#lastPids && now.allMs > last.allMs) {
      const othersMs = now.busyMs - last.busyMs - (now.ownMs - last.ownMs);
      this.#shares.push({ atMs: now.atMs, share: Math.max(0, othersMs) / (now.allMs - last.allMs) });
    }
    this.#last = now;
    this.#lastPids = pids.join();
  }
}

/** Undefined where there is no `/proc`, or no process under test. */
function processorTimes(pids: readonly number[]): ProcessorTimes | undefined {
  if (pids.length === 0) return undefined;
  try {
    const [total = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
    // user nice system idle iowait irq softirq steal; what guests use is in user.
    const ticks = total.trim().split(/\s+/).slice(1, 9).map(Number);
    const all = ticks.reduce((sum, count) => sum + count, 0);
    const [idle = 0, iowait = 0] = ticks.slice(3, 5);
    const childMs = pids.reduce((sum, pid) => sum + ticksOf(pid), 0) * PROC_TICK_MS;
    const { user, system } = process.cpuUsage();
    return {
      atMs: Date.now(),
      allMs: all * PROC_TICK_MS,
      busyMs: (all - idle - iowait) * PROC_TICK_MS,
      ownMs: childMs + (user + system) / 1_000,
    };
  } catch {
    return undefined;
  }
}

/** @throws once the process is gone. */
function ticksOf(pid: number): number {
  // The name in parentheses may contain blanks; user and system time are fields 14 and 15.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return Number(fields[11]) + Number(fields[12]);
}
