import { describe, expect, it } from 'vitest';
import { asIndex } from '../../src/base/ids.ts';
import { CommitLatency } from '../../src/node/commit-latency.ts';

const observed = (latency: CommitLatency) => {
  const { counts, sum } = latency.histogram.snapshot();
  return { count: counts.reduce((total, count) => total + count, 0), sum };
};

describe('the commit latency', () => {
  it('runs from the proposal of each entry to the commit that covers it', () => {
    const latency = new CommitLatency();
    latency.onProposed(asIndex(5), 100);
    latency.onProposed(asIndex(6), 110);
    latency.onCommitted(asIndex(4), 115);
    expect(observed(latency)).toEqual({ count: 0, sum: 0 });
    latency.onCommitted(asIndex(5), 120);
    latency.onCommitted(asIndex(5), 130);
    expect(observed(latency)).toEqual({ count: 1, sum: 20 });
    latency.onProposed(asIndex(7), 140);
    latency.onCommitted(asIndex(7), 150);
    expect(observed(latency)).toEqual({ count: 3, sum: 20 + 40 + 10 });
  });

  it('leaves out entries that another leader may replace', () => {
    const latency = new CommitLatency();
    latency.onProposed(asIndex(5), 100);
    latency.onLeadershipChanged();
    latency.onCommitted(asIndex(5), 200);
    expect(observed(latency)).toEqual({ count: 0, sum: 0 });
  });
});
