import { describe, expect, it } from 'vitest';
import { NetworkFaults } from '../../src/cluster/network-faults.ts';
import { NO_FAULTS } from '../../src/transport/port-links.ts';

const NODES = [1, 2, 3, 4];
const blockedOf = (faults: NetworkFaults) => NODES.map((node) => faults.of(node, NODES).blocked);

describe('the faults of a network', () => {
  it('are none at first', () => {
    for (const node of NODES) expect(new NetworkFaults().of(node, NODES)).toEqual(NO_FAULTS);
  });

  it('separate the groups of a partition, in both directions', () => {
    const faults = new NetworkFaults();
    faults.partition([[1, 2], [3], [4]]);
    expect(blockedOf(faults)).toEqual([
      [3, 4],
      [3, 4],
      [1, 2, 4],
      [1, 2, 3],
    ]);
  });

  it('isolate a node that is in no group', () => {
    const faults = new NetworkFaults();
    faults.partition([[1, 2, 3]]);
    expect(blockedOf(faults)).toEqual([[4], [4], [4], [1, 2, 3]]);
  });

  it('let nodes reach each other that share one of several groups', () => {
    const faults = new NetworkFaults();
    faults.partition([
      [1, 2],
      [2, 3, 4],
    ]);
    expect(blockedOf(faults)).toEqual([[3, 4], [], [1], [1]]);
  });

  it('block only links to the nodes that are asked for, and never a node from itself', () => {
    const faults = new NetworkFaults();
    faults.partition([]);
    expect(faults.of(1, [1, 2]).blocked).toEqual([2]);
    expect(faults.of(1, []).blocked).toEqual([]);
  });

  it('replace the partition before them', () => {
    const faults = new NetworkFaults();
    faults.partition([[1], [2, 3, 4]]);
    faults.partition([
      [1, 2],
      [3, 4],
    ]);
    expect(faults.of(1, NODES).blocked).toEqual([3, 4]);
  });

  it('delay by one time or by a range, and drop, on every link', () => {
    const faults = new NetworkFaults();
    faults.delay(20);
    faults.drop(0.25);
    expect(faults.of(1, NODES)).toEqual({ blocked: [], delay: { fromMs: 20, toMs: 20 }, dropProbability: 0.25 });
    faults.delay({ fromMs: 5, toMs: 30 });
    expect(faults.of(3, NODES).delay).toEqual({ fromMs: 5, toMs: 30 });
  });

  it('end all together', () => {
    const faults = new NetworkFaults();
    faults.partition([[1]]);
    faults.delay(5);
    faults.drop(1);
    faults.heal();
    for (const node of NODES) expect(faults.of(node, NODES)).toEqual(NO_FAULTS);
  });
});
