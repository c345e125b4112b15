import { describe, expect, it } from 'vitest';
import { claimOptions, options, TestQueue } from './harness.ts';

const none = new Uint8Array(0);

describe('queues', () => {
  it('may exist in any number, with kept jobs', () => {
    const queue = new TestQueue();
    queue.send((to) => {
      for (let at = 0; at < 30_000; at += 1) to.add(`queue-${at}`, none, options());
    });
    expect(queue.do((to) => to.add('one-more', none, options()))).toMatchObject({ ok: true });
    expect(queue.machine.queueNames()).toHaveLength(30_001);
  });

  it('are dropped with the entry that takes their last job', () => {
    const queue = new TestQueue();
    queue.add('x', { keepCompleted: 0 });
    expect(queue.machine.queueNames()).toEqual(['q']);
    const claimed = queue.do((to) => to.claim('q', claimOptions()));
    if (!claimed.ok || claimed.type !== 'claimed') throw new Error('nothing was claimed');
    const [job] = claimed.jobs;
    queue.do((to) => to.complete(job?.id ?? 0, job?.token ?? 0, none));
    expect(queue.machine.queueNames()).toEqual([]);
    expect(queue.do((to) => to.command('counts', { queue: 'q' }))).toMatchObject({ counts: { waiting: 0, completed: 0 } });
    expect(queue.add('again')).toBeGreaterThan(0);
    queue.machine.check();
  });

  it('are reported when they get their only waiting job, whatever its previous state', () => {
    const queue = new TestQueue();
    const reportedAfter = (change: () => void): string[] => {
      queue.filled = [];
      change();
      return queue.filled;
    };
    expect(reportedAfter(() => queue.add('x'))).toEqual(['q']);
    expect(reportedAfter(() => queue.add('y'))).toEqual([]);
    expect(reportedAfter(() => queue.add('z', {}, 'other'))).toEqual(['other']);
    const [first, second] = queue.claim(2);
    if (first === undefined || second === undefined) throw new Error('two jobs wait');
    expect(reportedAfter(() => queue.do((to) => to.command('release', { jobId: first.id, token: first.token })))).toEqual(['q']);
    expect(reportedAfter(() => queue.do((to) => to.command('release', { jobId: second.id, token: second.token })))).toEqual([]);
    const [third] = queue.claim(2, 1_000);
    if (third === undefined) throw new Error('a job waits');
    expect(
      reportedAfter(() => queue.do((to) => to.command('fail', { jobId: third.id, token: third.token, reason: 'no', retry: true }))),
    ).toEqual(['q']);
    queue.claim(1, 1_000);
    expect(reportedAfter(() => queue.pass(2_000))).toEqual(['q']);
    queue.claim(2, 60_000);
    queue.add('later', { delayMs: 500 });
    expect(reportedAfter(() => queue.pass(1_000))).toEqual(['q']);
  });

  it('stay while they keep a finished job, or get another in the same entry', () => {
    const queue = new TestQueue();
    const kept = queue.add('x');
    queue.do((to) => {
      to.command('remove', { queue: 'q', jobId: kept });
      to.add('q', none, options());
    });
    expect(queue.machine.queueNames()).toEqual(['q']);
    queue.machine.check();
  });

  it('without jobs of an earlier version are dropped with the first entry of version 3', () => {
    const queue = new TestQueue(8_192, 2);
    const gone = queue.add('x');
    queue.do((to) => to.command('remove', { queue: 'q', jobId: gone }));
    expect(queue.machine.queueNames()).toEqual(['q']);
    queue.version = 3;
    queue.do((to) => to.add('other', none, options()));
    expect(queue.machine.queueNames()).toEqual(['other']);
    queue.machine.check();
  });
});
