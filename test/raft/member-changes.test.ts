import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter } from '../../src/base/bytes.ts';
import { asDiskId, asIndex, asNodeId, asTerm } from '../../src/base/ids.ts';
import { encodeConfiguration, readConfiguration, writeConfiguration } from '../../src/raft/configuration-codec.ts';
import type { Configuration, Entry } from '../../src/raft/entry.ts';
import { configurationOf } from '../../src/raft/entry.ts';
import { beginChange, isJoint, leaveJoint, normalized, problemWith, promotable, promote, replaceVoter } from '../../src/raft/membership.ts';
import { isVoter, membersOf, quorumIndex, voteResult } from '../../src/raft/quorum.ts';
import { aConfiguration, aCore, anAppend, anEstablishedLeader, aVoteReply, TestCore } from './builders.ts';
import { changeOf, type PlainChange } from './change-members.ts';
import { Network } from './network.ts';

const union = (one: Iterable<number>, other: Iterable<number>): Set<number> => new Set([...one, ...other]);
const difference = (one: Iterable<number>, other: ReadonlySet<number>): Set<number> => new Set([...one].filter((node) => !other.has(node)));
const sorted = (nodes: Iterable<number>): number[] => [...nodes].sort((one, other) => one - other);

/** The membership that operators asked for, as sets; implemented independently of the code under test. */
class Wishes {
  /** Nodes with a vote, and nodes that lost it with their disk and are to get it back. */
  readonly base: Set<number>;
  readonly lost = new Set<number>();
  readonly adds = new Set<number>();
  readonly removals = new Set<number>();
  readonly learners = new Set<number>();

  constructor(voters: readonly number[]) {
    this.base = new Set(voters);
  }

  change({ add = [], remove = [], learners = [] }: PlainChange): void {
    const voting = difference(this.base, this.lost);
    for (const node of [...add, ...remove, ...learners]) {
      this.adds.delete(node);
      this.removals.delete(node);
      this.learners.delete(node);
      if (this.lost.delete(node)) this.base.delete(node);
    }
    for (const node of add) this.adds.add(node);
    for (const node of learners) this.learners.add(node);
    for (const node of remove.filter((each) => voting.has(each))) add.length > 0 ? this.removals.add(node) : this.base.delete(node);
    this.#dropRemovals();
  }

  loseDisk(node: number): void {
    this.lost.add(node);
  }

  catchUp(isCaughtUp: (node: number) => boolean): void {
    for (const node of sorted(this.lost)) if (isCaughtUp(node) && !this.removals.has(node)) this.lost.delete(node);
    if (this.removals.size > 0 && ![...this.adds].every(isCaughtUp)) return;
    for (const node of [...this.adds].filter(isCaughtUp)) {
      this.adds.delete(node);
      this.base.add(node);
    }
    for (const node of this.removals) {
      this.base.delete(node);
      this.lost.delete(node);
    }
    this.#dropRemovals(true);
  }

  /** Drops the removals once the change is complete, or without additions. */
  #dropRemovals(isComplete = false): void {
    if (isComplete || this.adds.size === 0) this.removals.clear();
  }
}

type Step =
  | { readonly type: 'change'; readonly change: Required<PlainChange> }
  | { readonly type: 'catch-up'; readonly nodes: readonly number[] }
  | { readonly type: 'lose-disk'; readonly pick: number };

const someNodes = fc.array(fc.integer({ min: 1, max: 7 }), { maxLength: 4 });
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant('change'), change: fc.record({ add: someNodes, remove: someNodes, learners: someNodes }) }),
  },
  // Most changes that are drawn freely are invalid.
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('change'),
      change: fc
        .uniqueArray(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 4 })
        .chain((nodes) =>
          fc
            .integer({ min: 0, max: nodes.length })
            .map((count) => ({ add: nodes.slice(0, count), remove: nodes.slice(count), learners: [] })),
        ),
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('catch-up'), nodes: someNodes }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('lose-disk'), pick: fc.nat(6) }) },
);

/** The configuration as the next leader reads it from its log. */
function readAgain(configuration: Configuration): Configuration {
  const to = new ByteWriter(64);
  writeConfiguration(to, configuration);
  return readConfiguration(new ByteReader(to.copy()));
}

const LISTS = ['voters', 'outgoing', 'learners', 'joining', 'leaving'] as const;

function expectSound(configuration: Configuration): void {
  for (const list of LISTS) expect(new Set(configuration[list]).size, list).toBe(configuration[list].length);
  expect(new Set(configuration.disks.map(({ node }) => node)).size).toBe(configuration.disks.length);
  expect(configuration.voters).not.toEqual([]);
  expect(normalized(configuration)).toEqual(configuration);
}

describe('any sequence of changes, lost disks and nodes that catch up', () => {
  /** One step of the production functions, as a leader takes it; its joint configuration is left at once. */
  function advance(from: Configuration, to: Configuration): Configuration {
    expectSound(to);
    const areSameVoters = sorted(from.voters).join() === sorted(to.voters).join();
    expect(isJoint(to), 'voters change through a joint configuration only').toBe(!areSameVoters);
    if (!isJoint(to)) return readAgain(to);
    expect(to.outgoing).toEqual(from.voters);
    const next = readAgain(leaveJoint(readAgain(to)));
    expectSound(next);
    return next;
  }

  it('leads to the voters that were asked for, each with one vote', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.array(anyStep, { maxLength: 25 }), (founders, steps) => {
        const ids = Array.from({ length: founders }, (_, at) => at + 1);
        const wishes = new Wishes(ids);
        let configuration: Configuration = {
          ...aConfiguration(ids),
          disks: ids.map((node) => ({ node: asNodeId(node), disk: asDiskId(node) })),
        };
        let disks = 100;
        for (const step of steps) {
          if (step.type === 'change') {
            const change = changeOf(step.change);
            const isRepeated = Object.values(step.change).some((nodes) => new Set(nodes).size < nodes.length);
            const problem = problemWith(configuration, change);
            if (isRepeated) expect(problem).toBeDefined();
            if (problem !== undefined) continue;
            configuration = advance(configuration, beginChange(configuration, change));
            wishes.change(step.change);
          } else if (step.type === 'catch-up') {
            const isCaughtUp = (node: number): boolean => step.nodes.includes(node);
            const ready = promotable(configuration, isCaughtUp);
            disks += 1;
            const madeDisks = ready.map((node) => ({ node, disk: asDiskId(disks * 10 + node) }));
            if (ready.length > 0) configuration = advance(configuration, promote(configuration, ready, madeDisks));
            if (ready.length > 0) wishes.catchUp(isCaughtUp);
          } else {
            const { voters } = configuration;
            const node = voters[step.pick % voters.length];
            if (node === undefined || voters.length === 1) continue;
            configuration = advance(configuration, replaceVoter(configuration, node));
            wishes.loseDisk(node);
          }
          expect(sorted(configuration.voters)).toEqual(sorted(difference(wishes.base, wishes.lost)));
          expect(sorted(configuration.joining)).toEqual(sorted(union(wishes.adds, wishes.lost)));
          expect(sorted(configuration.leaving)).toEqual(sorted(wishes.removals));
          expect(sorted(configuration.learners)).toEqual(sorted(wishes.learners));
        }
        const isCaughtUp = () => true;
        const wanted = sorted(difference(union(wishes.base, wishes.adds), wishes.removals));
        const ready = promotable(configuration, isCaughtUp);
        if (ready.length > 0) configuration = advance(configuration, promote(configuration, ready, []));
        expect(sorted(configuration.voters)).toEqual(wanted);
        expect(configuration).toMatchObject({ joining: [], leaving: [] });
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('a node that a configuration names several times', () => {
  const someVoters = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 8 });
  const raw = (voters: readonly number[], outgoing: readonly number[]): Configuration =>
    configurationOf({ voters: voters.map(asNodeId), outgoing: outgoing.map(asNodeId) });
  const set = (nodes: readonly number[]): number[] => [...new Set(nodes)];

  it('has one vote, in elections and for the commit index', () => {
    const anyReplies = fc.array(fc.option(fc.boolean(), { nil: undefined }), { minLength: 5, maxLength: 5 });
    const anyMatches = fc.array(fc.nat(9), { minLength: 5, maxLength: 5 });
    fc.assert(
      fc.property(someVoters, fc.oneof(fc.constant([]), someVoters), anyReplies, anyMatches, (voters, outgoing, replies, matches) => {
        const [named, each] = [raw(voters, outgoing), raw(set(voters), set(outgoing))];
        const granted = (voter: number): boolean | undefined => replies[voter - 1];
        expect(voteResult(named, granted)).toBe(voteResult(each, granted));
        const matchOf = (voter: number) => asIndex(matches[voter - 1] ?? 0);
        expect(quorumIndex(named, matchOf)).toBe(quorumIndex(each, matchOf));
        expect(membersOf(normalized(named))).toEqual(membersOf(each));
        for (const node of [1, 2, 3, 4, 5]) expect(isVoter(normalized(named), asNodeId(node))).toBe(isVoter(each, asNodeId(node)));
      }),
    );
  });

  const voters = [1, 1, 1, 1, 2, 3];
  const entry: Entry = { index: asIndex(1), term: asTerm(1), kind: 'configuration', data: encodeConfiguration(raw(voters, [])) };

  it('has one vote where an old log contains the configuration', () => {
    const core = aCore({ configuration: raw(voters, []) });
    expect(core.view.configuration.voters).toEqual([1, 2, 3]);
    core.reachDeadline();
    expect(core.view.role).toBe('pre-candidate');
    core.step(aVoteReply({ from: 2, to: 1, term: 2, preVote: true, granted: true }));
    expect(core.view.role).toBe('candidate');
  });

  it('has one vote where a leader of another release sent the configuration', () => {
    const follower = new TestCore({ id: 2 });
    follower.step({ ...anAppend({ from: 1, to: 2, term: 1 }), entries: [entry] });
    expect(follower.view.configuration.voters).toEqual([1, 2, 3]);
  });

  it('has one vote where a snapshot contains the configuration', () => {
    const follower = new TestCore({ id: 2 });
    follower.snapshotInstalled({ index: 7, term: 1 }, voters);
    expect(follower.view.configuration.voters).toEqual([1, 2, 3]);
  });

  it.each([
    [{ add: [4, 4] }, 'add'],
    [{ remove: [3, 3] }, 'remove'],
    [{ learners: [4, 4] }, 'learners'],
    [{ add: [4, 5, 4, 4] }, 'add'],
  ])('is rejected in a requested change: %j', (change, list) => {
    const leader = anEstablishedLeader();
    const { rejected, append } = leader.core.step({ type: 'change-membership', now: leader.now, change: changeOf(change) });
    expect(rejected).toMatchObject({ reason: 'invalid-change', message: expect.stringContaining(`more than once in "${list}"`) });
    expect(append).toBeUndefined();
  });
});

describe('a replacement', () => {
  const three = aConfiguration([1, 2, 3]);
  const replacing = beginChange(three, changeOf({ add: [9], remove: [2] }));

  it.each([
    ['a removal', { remove: [9, 3] }, [1]],
    ['a step to learner', { remove: [3], learners: [3, 9] }, [1]],
  ])('that is cancelled together with %s removes no voter later', (_, change, others) => {
    const between = leaveJoint(beginChange(replacing, changeOf(change)));
    expect(between).toMatchObject({ voters: [...others, 2], joining: [], leaving: [] });
    const added = beginChange(between, changeOf({ add: [5] }));
    expect(promote(added, [asNodeId(5)], []).voters).toEqual([...others, 2, 5]);
  });

  it('that an old log cancelled removes no voter later', () => {
    const stale = { ...aConfiguration([1, 2]), leaving: [asNodeId(2)] };
    expect(beginChange(stale, changeOf({ add: [5] }))).toMatchObject({ joining: [5], leaving: [] });
    const leader = anEstablishedLeader({ configuration: stale });
    leader.core.step({ type: 'change-membership', now: leader.now, change: changeOf({ add: [5] }) });
    expect(leader.view.configuration).toMatchObject({ joining: [5], leaving: [] });
  });

  const known = { disks: [1, 2, 3].map((node) => ({ node: asNodeId(node), disk: asDiskId(100 + node) })) };

  it('of a node that loses its disk meanwhile does not make it a voter again', () => {
    const lost = leaveJoint(replaceVoter({ ...replacing, ...known }, asNodeId(2)));
    expect(lost).toMatchObject({ voters: [1, 3], joining: [9, 2], leaving: [2] });
    expect(promotable(lost, (node) => node === 2)).toEqual([]);
    const done = leaveJoint(
      promote(
        lost,
        promotable(lost, () => true),
        [],
      ),
    );
    expect(done).toMatchObject({ voters: [1, 3, 9], joining: [], leaving: [] });
    expect(membersOf(done)).not.toContain(2);
  });

  it('that is cancelled lets a node that lost its disk meanwhile become a voter again', () => {
    const lost = leaveJoint(replaceVoter({ ...replacing, ...known }, asNodeId(2)));
    const calledOff = beginChange(lost, changeOf({ remove: [9] }));
    expect(calledOff).toMatchObject({ voters: [1, 3], joining: [2], leaving: [] });
    expect(
      promote(
        calledOff,
        promotable(calledOff, () => true),
        [],
      ).voters,
    ).toEqual([1, 3, 2]);
  });

  it('of a node that lost its disk lets it vote when it is added again', () => {
    const lost = leaveJoint(replaceVoter({ ...replacing, ...known }, asNodeId(2)));
    const added = beginChange(lost, changeOf({ add: [2] }));
    expect(added).toMatchObject({ voters: [1, 3], joining: [9, 2], leaving: [] });
    expect(
      promote(
        added,
        promotable(added, () => true),
        [],
      ).voters,
    ).toEqual([1, 3, 9, 2]);
  });

  it('of a node that lost its disk, cancelled in an old log, removes no voter later', () => {
    const old = configurationOf({ voters: [1, 3].map(asNodeId), joining: [asNodeId(2)], leaving: [asNodeId(2)] });
    expect(normalized(old)).toMatchObject({ joining: [2], leaving: [] });
  });

  it('that is cancelled while another voter is rebuilt removes no voter when that one is back', () => {
    const four = { ...aConfiguration([1, 2, 3, 4]), disks: [...known.disks, { node: asNodeId(4), disk: asDiskId(104) }] };
    const lost = leaveJoint(replaceVoter(beginChange(four, changeOf({ add: [9], remove: [2] })), asNodeId(3)));
    const calledOff = beginChange(lost, changeOf({ remove: [9] }));
    expect(calledOff).toMatchObject({ joining: [3], leaving: [] });
    expect(promote(calledOff, [asNodeId(3)], []).voters).toEqual([1, 2, 4, 3]);
  });

  it('whose joining node is away does not prevent a voter that lost its disk from voting again', () => {
    const lost = leaveJoint(replaceVoter({ ...beginChange(three, changeOf({ add: [9], remove: [1] })), ...known }, asNodeId(2)));
    const ready = promotable(lost, (node) => node === 2);
    expect(ready).toEqual([2]);
    const back = leaveJoint(promote(lost, ready, [{ node: asNodeId(2), disk: asDiskId(7) }]));
    expect(back).toMatchObject({ voters: [1, 3, 2], joining: [9], leaving: [1] });
    expect(promotable(back, () => false)).toEqual([]);
    expect(
      promote(
        back,
        promotable(back, () => true),
        [],
      ).voters,
    ).toEqual([3, 2, 9]);
  });

  it('completes although the removed node comes back with another disk', () => {
    const network = new Network({ nodes: 5, initialVoters: [1, 2, 3, 4] });
    network.elect(1);
    network.propose(1);
    network.run(50);
    network.crash(5);
    network.step(1, { type: 'change-membership', change: changeOf({ add: [5], remove: [4] }) });
    network.run(100);
    network.loseDisk(4);
    network.restart(4);
    expect(network.runUntil(() => network.core(1).view.configuration.joining.includes(asNodeId(4)))).toBe(true);
    network.restart(5);
    const isDone = (): boolean => sorted(network.core(network.electAny()).view.configuration.voters).join() === '1,2,3,5';
    expect(network.runUntil(isDone)).toBe(true);
    network.run(1_000);
    expect(network.core(network.electAny()).view.configuration).toMatchObject({ joining: [], leaving: [], outgoing: [] });
    expect(isDone()).toBe(true);
  });
});
