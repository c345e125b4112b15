import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { longestSilenceMs } from '../../eval/measuring/acknowledgements.ts';
import { measureOutage } from '../../eval/peers/outage.ts';
import { RotatingClient } from '../../eval/peers/rotating-client.ts';

const NEVER = new AbortController().signal;

describe('the outage of a peer', () => {
  it('is the longest time between two acknowledgements, the later of which is after the fault', () => {
    expect(longestSilenceMs([0, 400, 405, 410, 760, 765, 900], 412)).toBe(350);
    expect(longestSilenceMs([0, 400, 405, 410], 412)).toBe(0);
  });

  it('lasts at least as long as adds are rejected, and ends when they are acknowledged again', async () => {
    const OUTAGE_MS = 300;
    let untilMs = 0;
    const gapMs = await measureOutage(
      async () => {
        if (performance.now() < untilMs) throw new Error('no leader');
      },
      async () => {
        untilMs = performance.now() + OUTAGE_MS;
      },
      NEVER,
    );
    expect(gapMs).toBeGreaterThanOrEqual(OUTAGE_MS);
  });

  it('includes the time in which adds are not answered at all', async () => {
    let isSilent = false;
    const OUTAGE_MS = 200;
    const gapMs = await measureOutage(
      () => (isSilent ? new Promise(() => undefined) : Promise.resolve()),
      async () => {
        isSilent = true;
        setTimeout(() => {
          isSilent = false;
        }, OUTAGE_MS);
      },
      NEVER,
    );
    // A timer of Node.js can fire up to a millisecond early.
    expect(gapMs).toBeGreaterThanOrEqual(OUTAGE_MS - 1);
  });

  it('is undefined when it is interrupted, and a failure when adds do not succeed before the fault', async () => {
    const interruption = new AbortController();
    const begin = async (): Promise<void> => interruption.abort();
    expect(await measureOutage(async () => undefined, begin, interruption.signal)).toBeUndefined();
    const rejected = (): Promise<void> => Promise.reject(new Error('rejected'));
    await expect(measureOutage(rejected, async () => undefined, NEVER, 600)).rejects.toThrow('before the fault');
  });
});

describe('the fault of a peer', () => {
  it('waits until an earlier load no longer delays the adds', async () => {
    const BACKLOG_MS = 700;
    const startMs = performance.now();
    const add = async (): Promise<void> => {
      await sleep(Math.max(0, BACKLOG_MS - (performance.now() - startMs)));
    };
    let faultMs = 0;
    await measureOutage(
      add,
      async () => {
        faultMs = performance.now() - startMs;
      },
      NEVER,
    );
    expect(faultMs).toBeGreaterThanOrEqual(BACKLOG_MS - 1);
  });
});

describe('a client that rotates over the nodes', () => {
  const forever = (): Promise<never> => new Promise(() => undefined);
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('waits without limit for a silent node at first', async () => {
    const clients = new RotatingClient(['a', 'b', 'c']);
    void clients.use(forever);
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(await clients.use(async (client) => client)).toBe('a');
  });

  it('avoids a node that is silent for the given time, until that node replies', async () => {
    const clients = new RotatingClient(['a', 'b', 'c']);
    clients.avoidSilentNodes(100);
    const reply = clients.use(async (client) => {
      await sleep(500);
      return client;
    });
    await vi.advanceTimersByTimeAsync(99);
    expect(await clients.use(async (client) => client)).toBe('a');
    await vi.advanceTimersByTimeAsync(1);
    const failed = (): Promise<string> => clients.use(() => Promise.reject(new Error('no leader')));
    expect(await clients.use(async (client) => client)).toBe('b');
    await expect(failed()).rejects.toThrow('no leader');
    expect(await clients.use(async (client) => client)).toBe('c');
    // After the last node comes the first, which is silent.
    await expect(failed()).rejects.toThrow('no leader');
    expect(await clients.use(async (client) => client)).toBe('b');
    await vi.advanceTimersByTimeAsync(400);
    expect(await reply).toBe('a');
    await expect(failed()).rejects.toThrow('no leader');
    await expect(failed()).rejects.toThrow('no leader');
    expect(await clients.use(async (client) => client)).toBe('a');
  });

  it('uses the first of several silent nodes that replies', async () => {
    const clients = new RotatingClient(['a', 'b']);
    clients.avoidSilentNodes(100);
    void clients.use(forever);
    await vi.advanceTimersByTimeAsync(100);
    const late = clients.use(async (client) => {
      await sleep(150);
      return client;
    });
    await vi.advanceTimersByTimeAsync(100);
    await vi.advanceTimersByTimeAsync(50);
    expect(await late).toBe('b');
    expect(await clients.use(async (client) => client)).toBe('b');
  });
});
