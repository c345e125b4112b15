import { describe, expect, it } from 'vitest';
import { Network } from './network.ts';

const terms = (network: Network, id: number): number[] => network.disk(id).entries.map((entry) => entry.term);

/** Elects `id` with the votes of the nodes that are up; no entry of its term reaches another node. */
function electInSilence(network: Network, id: number): void {
  for (let attempt = 0; attempt < 5 && network.core(id).view.role !== 'leader'; attempt += 1) {
    network.timeOut(id);
    for (let guard = 0; network.inFlight.length > 0 && guard < 1_000; guard += 1) {
      network.drop((message) => message.type === 'append');
      network.deliverAt(0);
    }
  }
  expect(network.core(id).view.role).toBe('leader');
}

/** Everything arrives except entries of `term`: the leader's own no-op is never delivered. */
function deliverWithoutTerm(network: Network, term: number): void {
  for (let guard = 0; network.inFlight.length > 0 && guard < 1_000; guard += 1) {
    const flight = network.inFlight[0];
    if (flight?.message.type === 'append') {
      const entries = flight.message.entries.filter((entry) => entry.term !== term);
      network.inFlight[0] = { ...flight, message: { ...flight.message, entries } };
    }
    network.deliverAt(0);
  }
}

/**
 * Figure 8, (a) to (c): S1 leads and replicates its entry to S2 only; S5 leads with the votes of S3 and S4 and writes another in
 * its place, alone; S1 leads again and replicates the old entry to a majority.
 */
function untilStepC(): Network {
  const network = new Network({ nodes: 5, seed: 8 });
  network.elect(1);
  network.deliverAll();
  // (a)
  network.propose(1, 2);
  network.drop((message) => message.to !== 2);
  network.deliverAll();
  expect([1, 2, 3].map((id) => terms(network, id).length)).toEqual([2, 2, 1]);
  // (b)
  network.crash(1);
  network.now += 1_000;
  network.isolate(2);
  electInSilence(network, 5);
  network.propose(5, 3);
  network.drop(() => true);
  // (c)
  network.crash(5);
  network.heal();
  network.restart(1);
  network.now += 1_000;
  electInSilence(network, 1);
  return network;
}

describe('Figure 8: an entry of an earlier term on a majority (Raft §5.4.2)', () => {
  it('is not committed by counting, and may still be overwritten (d)', () => {
    const network = untilStepC();
    network.timeOut(1);
    deliverWithoutTerm(network, network.core(1).view.term);
    expect([1, 2, 3, 4].map((id) => terms(network, id)[1])).toEqual([1, 1, 1, 1]);
    expect([...network.checker.committed.keys()]).toEqual([1]);
    // S1 crashes, and S5, whose last term is later than that of S2, S3 and S4, wins and overwrites.
    network.crash(1);
    network.restart(5);
    network.now += 1_000;
    network.elect(5);
    network.deliverAll();
    expect([2, 3, 4, 5].map((id) => terms(network, id)[1])).toEqual([2, 2, 2, 2]);
  });

  it('is safe once an entry of the leader’s own term follows it on a majority (e)', () => {
    const network = untilStepC();
    network.runUntil(() => network.core(1).view.commit === 3, 1_000);
    expect(network.core(1).view.commit).toBe(3);
    network.crash(1);
    network.restart(5);
    network.now += 1_000;
    // S5 can no longer win: every majority has a later last term.
    network.timeOut(5);
    network.deliverAll();
    expect(network.core(5).view.role).not.toBe('leader');
    const next = network.electAny();
    expect(terms(network, next)[1]).toBe(1);
    network.run(500);
    expect(terms(network, 5)[1]).toBe(1);
  });
});
