import { describe, expect, it } from 'vitest';
import { slowestOfRounds } from '../../eval/bench/commits-at-once.ts';
import { MajorityCount } from '../../eval/bench/payload-floor.ts';
import { ThreadBarrier } from '../../eval/bench/thread-barrier.ts';

describe('commits of several files at the same time', () => {
  it('take in each round what the slowest of them takes', () => {
    const [first, second, third] = [Float64Array.of(1, 5, 2), Float64Array.of(3, 1, 2), Float64Array.of(2, 2, 9)];
    expect(slowestOfRounds([first, second, third])).toEqual([3, 5, 9]);
  });

  it('take nothing where there are none', () => {
    expect(slowestOfRounds([])).toEqual([]);
  });
});

describe('a barrier between threads', () => {
  /** As another thread would see it. */
  const stateOf = (memory: SharedArrayBuffer) => {
    const [arrived, releases] = new Int32Array(memory);
    return { arrived, releases };
  };

  it('lets the last one to arrive pass, wakes the others, and is ready for the next round', () => {
    const memory = ThreadBarrier.newMemory();
    // Another thread waits already.
    Atomics.add(new Int32Array(memory), 0, 1);
    const barrier = new ThreadBarrier(2, memory);
    barrier.arriveAndWait();
    expect(stateOf(memory)).toEqual({ arrived: 0, releases: 1 });
  });

  it('does not delay a single caller', () => {
    const memory = ThreadBarrier.newMemory();
    const barrier = new ThreadBarrier(1, memory);
    for (let round = 0; round < 3; round += 1) barrier.arriveAndWait();
    expect(stateOf(memory)).toEqual({ arrived: 0, releases: 3 });
  });
});

describe('payloads that a majority syncs', () => {
  it('are durable with the second of three nodes, and their places are free with the last', () => {
    const majority = new MajorityCount(3, 2);
    expect(majority.take(5)).toEqual([0, 1]);
    majority.onSynced([0, 1]);
    expect([majority.durable, majority.take(5)]).toEqual([0, []]);
    majority.onSynced([1]);
    expect([majority.durable, majority.take(5)]).toEqual([1, []]);
    majority.onSynced([1]);
    expect([majority.durable, majority.take(5)]).toEqual([1, [1]]);
    majority.onSynced([0]);
    expect(majority.durable).toBe(2);
  });

  it('are durable at once with a single node', () => {
    const majority = new MajorityCount(1, 1);
    majority.onSynced(majority.take(1));
    expect([majority.durable, majority.take(1)]).toEqual([1, [0]]);
  });
});
