import { describe, expect, it } from 'vitest';
import {
  isWaitingForDisk,
  parseDiskStat,
  parseSchedstat,
  type ResourceSnapshot,
  type ThreadCounters,
  usageBetween,
} from '../../eval/load/resource-usage.ts';

const thread = (onProcessorMs: number, readyMs: number, looks: number, looksOnDisk: number): ThreadCounters => ({
  ...{ onProcessorMs, readyMs, looks, looksOnDisk },
});
const snapshot = (atMs: number, part: Partial<ResourceSnapshot>): ResourceSnapshot => ({
  ...{ atMs, cpuMs: 0, disk: undefined, threads: new Map() },
  ...part,
});

describe('what a load uses', () => {
  it('is the difference of two snapshots, as shares of the time between them', () => {
    const before = snapshot(1000, {
      cpuMs: 500,
      disk: { busyMs: 100, writtenBytes: 1_000_000 },
      threads: new Map([['jobraft node 1', thread(200, 50, 10, 5)]]),
    });
    const after = snapshot(3000, {
      cpuMs: 3500,
      disk: { busyMs: 1100, writtenBytes: 21_000_000 },
      threads: new Map([['jobraft node 1', thread(1000, 250, 210, 105)]]),
    });
    expect(usageBetween(before, after, 2)).toEqual({
      processors: 0.75,
      diskBusy: 0.5,
      diskMegabytesPerSecond: 10,
      threads: new Map([['jobraft node 1', { onProcessor: 0.4, ready: 0.1, onDisk: 0.5 }]]),
    });
  });

  it('never passes the whole of a thread’s time, though its states are sampled', () => {
    const shares = usageBetween(
      snapshot(0, { threads: new Map([['MainThread', thread(0, 0, 0, 0)]]) }),
      snapshot(1000, { threads: new Map([['MainThread', thread(900, 90, 100, 50)]]) }),
      1,
    ).threads.get('MainThread');
    expect(shares?.onDisk).toBeCloseTo(0.01);
  });

  it('leaves out what the system does not say, and a thread that began meanwhile', () => {
    const after = snapshot(1000, { threads: new Map([['jobraft node 2', thread(1, 1, 1, 1)]]) });
    const { diskBusy, diskMegabytesPerSecond, threads } = usageBetween(snapshot(0, {}), after, 2);
    expect([diskBusy, diskMegabytesPerSecond, threads.size]).toEqual([undefined, undefined, 0]);
  });
});

describe('the texts of Linux', () => {
  it('have the busy time and the sectors of a disk', () => {
    const stat = ' 1292723   127438 28662906  1696616 29312045  2277082 2330653416 15852414        0  5071836 20857677  1213619\n';
    expect(parseDiskStat(stat)).toEqual({ busyMs: 5_071_836, writtenBytes: 2_330_653_416 * 512 });
    expect(parseDiskStat('')).toBeUndefined();
  });

  it('have the time of a thread on a processor and ready for one', () => {
    expect(parseSchedstat('429418934 2194115980 2890\n')).toEqual({ onProcessorMs: 429.418934, readyMs: 2194.11598 });
    expect(parseSchedstat('')).toBeUndefined();
  });

  it('have the state of a thread behind its name, whatever that contains', () => {
    expect(isWaitingForDisk('26945 (node (D) 2) S 1 2')).toBe(false);
    expect(isWaitingForDisk('26945 (jobraft node 2) D 1 2')).toBe(true);
  });
});
