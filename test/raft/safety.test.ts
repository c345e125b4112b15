import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Network } from './network.ts';

/** One random event; the numbers choose among the existing nodes and messages. */
type Happening =
  | { readonly type: 'deliver' | 'drop' | 'duplicate'; readonly place: number }
  | { readonly type: 'flow'; readonly count: number }
  | { readonly type: 'time-out' | 'crash' | 'restart' | 'isolate'; readonly node: number }
  | { readonly type: 'propose'; readonly node: number; readonly count: number }
  | { readonly type: 'persist'; readonly node: number; readonly count: number }
  | { readonly type: 'compact'; readonly node: number; readonly upTo: number }
  | { readonly type: 'cut' | 'lose-peer'; readonly node: number; readonly other: number }
  | { readonly type: 'wait'; readonly ms: number }
  | { readonly type: 'heal' | 'persist-all' };

function anyHappening(nodes: number): fc.Arbitrary<Happening> {
  const node = fc.integer({ min: 1, max: nodes });
  const place = fc.nat(50);
  const of = <T extends Happening['type'], Rest extends object>(type: T, rest: { [K in keyof Rest]: fc.Arbitrary<Rest[K]> }) =>
    fc.record({ type: fc.constant(type), ...rest }) as unknown as fc.Arbitrary<Happening>;
  return fc.oneof(
    { weight: 12, arbitrary: of('flow', { count: fc.integer({ min: 1, max: 30 }) }) },
    { weight: 8, arbitrary: of('deliver', { place }) },
    { weight: 3, arbitrary: of('duplicate', { place }) },
    { weight: 3, arbitrary: of('drop', { place }) },
    { weight: 6, arbitrary: of('persist-all', {}) },
    { weight: 4, arbitrary: of('persist', { node, count: fc.integer({ min: 1, max: 3 }) }) },
    { weight: 6, arbitrary: of('time-out', { node }) },
    { weight: 6, arbitrary: of('propose', { node, count: fc.integer({ min: 1, max: 3 }) }) },
    { weight: 2, arbitrary: of('wait', { ms: fc.integer({ min: 1, max: 150 }) }) },
    { weight: 2, arbitrary: of('crash', { node }) },
    { weight: 3, arbitrary: of('restart', { node }) },
    { weight: 1, arbitrary: of('isolate', { node }) },
    { weight: 1, arbitrary: of('cut', { node, other: node }) },
    { weight: 2, arbitrary: of('heal', {}) },
    { weight: 1, arbitrary: of('lose-peer', { node, other: node }) },
    { weight: 3, arbitrary: of('compact', { node, upTo: fc.nat(30) }) },
  );
}

function happen(network: Network, happening: Happening, value: number): void {
  const { inFlight } = network;
  switch (happening.type) {
    case 'deliver':
      return network.deliverAt(inFlight.length === 0 ? 0 : happening.place % inFlight.length);
    case 'duplicate':
      return network.deliverAt(inFlight.length === 0 ? 0 : happening.place % inFlight.length, true);
    case 'drop':
      return inFlight.length === 0 ? undefined : network.dropAt(happening.place % inFlight.length);
    case 'flow':
      for (let count = 0; count < happening.count; count += 1) {
        network.deliverAt(0);
        for (const id of network.ids) network.persist(id);
      }
      return;
    case 'time-out':
      return network.timeOut(happening.node);
    case 'crash':
      return network.crash(happening.node);
    case 'restart':
      return network.restart(happening.node);
    case 'isolate':
      return network.isolate(happening.node);
    case 'cut':
      return happening.node === happening.other ? undefined : network.cut(happening.node, happening.other);
    case 'lose-peer':
      return happening.node === happening.other ? undefined : network.losePeer(happening.node, happening.other);
    case 'propose':
      for (let count = 0; count < happening.count; count += 1) network.propose(network.leader() ?? happening.node, value + count);
      return;
    case 'persist':
      return network.persist(happening.node, happening.count);
    case 'persist-all':
      for (const id of network.ids) network.persist(id);
      return;
    case 'compact':
      return network.compact(happening.node, happening.upTo);
    case 'wait':
      network.now += happening.ms;
      return;
    case 'heal':
      return network.heal();
  }
}

/** Every fault ends; then a leader must be elected, and every node must receive everything. */
function healAndProgress(network: Network): void {
  network.heal();
  for (const id of network.ids) network.restart(id);
  network.useFastDisks();
  const leader = network.electAny(60_000);
  const before = network.core(leader).view.log.lastIndex;
  network.propose(leader, 0xffff);
  const hasAll = (): boolean => network.ids.every((id) => network.core(id).view.commit > before);
  for (let second = 0; second < 60 && !network.runUntil(hasAll, 1_000); second += 1) network.resendSnapshots();
  expect(hasAll(), 'a proposal reaches everyone').toBe(true);
}

describe('under lost, repeated and reordered messages, cut links and crashes (Raft Figure 3)', () => {
  it.each([
    [3, 130],
    [5, 70],
  ])('%i nodes keep all safety properties, and make progress once the faults end', (nodes, numRuns) => {
    let elections = 0;
    let commits = 0;
    const runs = fc.array(anyHappening(nodes), { minLength: 20, maxLength: 250, size: 'max' });
    fc.assert(
      fc.property(fc.nat(0xffff), runs, (seed, happenings) => {
        const network = new Network({ nodes, seed, slowDisks: true, latencyMs: 1, config: { inflightMessagesMax: 4, messageBytesMax: 6 } });
        happenings.forEach((happening, place) => {
          happen(network, happening, 4 * place);
        });
        elections += network.checker.elections;
        commits += network.checker.committed.size;
        healAndProgress(network);
      }),
      { numRuns, seed: 20_141_018 },
    );
    // The runs reach the intended states.
    expect(elections).toBeGreaterThan(numRuns);
    expect(commits).toBeGreaterThan(5 * numRuns);
  });
});
