import { ByteWriter } from '../base/bytes.ts';
import { readServerFrames, writeClientFrame } from '../protocol/client-frame.ts';
import { isJoint } from '../raft/membership.ts';
import { awaitQuiescence } from './quiescence.ts';
import type { SimCluster } from './sim-cluster.ts';
import type { SimNode } from './sim-node.ts';
import { checkProperty } from './violation.ts';

const OPERATOR_CONNECTION = 903;
const POLL_MS = 20;
/** A voter whose disk was lost soon restarts. */
const NOTICED_POLL_MS = 1;
const ANSWER_WITHIN_MS = 5_000;
const DONE_WITHIN_MS = 30_000;
/** Downtime of a voter whose disk is lost. */
const DOWN_MS = 30;
/** In this time a node that was down restarts and catches up. */
const BACK_WITHIN_MS = 2_000;

interface Change {
  readonly add?: readonly number[];
  readonly remove?: readonly number[];
}

/**
 * After the faults: an operator changes the members step by step, and at the end the voters are the requested ones. Needs a node that
 * is no voter, and three voters.
 */
export function watchMembers(cluster: SimCluster): void {
  const { story } = cluster.plan;
  if (story === undefined) return;
  const operator = new Operator(cluster);
  const leader = cluster.leader();
  const before = operator.voters();
  const [leaving, other] = before.filter((voter) => voter !== leader?.id);
  const joining = [...cluster.nodes.keys()].find((id) => !before.includes(id));
  if (joining === undefined || leaving === undefined || other === undefined) return;
  switch (story) {
    case 'named-twice':
      operator.nameTwice(joining, leaving);
      break;
    case 'cancelled':
      operator.cancel(joining, leaving, other);
      break;
    case 'lost-while-leaving':
      operator.loseWhileLeaving(joining, leaving);
      break;
    case 'cancelled-while-lost':
      operator.cancelWhileLost(joining, leaving, other);
      break;
    case 'lost-before-removal':
      operator.loseBeforeRemoval(leaving);
      break;
    case 'lost-before-others-leave':
      operator.loseBeforeOthersLeave(joining, leaving);
      break;
    default:
      story satisfies never;
  }
}

class Operator {
  readonly #cluster: SimCluster;
  readonly #replies = new Map<number, 'done' | 'rejected'>();
  readonly #term: number | undefined;
  #calls = 0;
  #ends: number;

  constructor(cluster: SimCluster) {
    this.#cluster = cluster;
    this.#ends = cluster.ends;
    this.#term = cluster.leader()?.runtime?.view.term;
    cluster.attach(OPERATOR_CONNECTION, (packet) => {
      for (const frame of readServerFrames(packet)) {
        if (frame.type === 'done') this.#replies.set(frame.call, 'done');
        else if (frame.type === 'admin-rejected') this.#replies.set(frame.call, 'rejected');
      }
    });
  }

  /** The voters of the configuration in force, in the order of their ids. */
  voters(): number[] {
    const voters = this.#cluster.leader()?.runtime?.view.configuration.voters ?? [];
    return voters.toSorted((one, next) => one - next);
  }

  /** A change that names nodes several times is rejected, or dropped as malformed, or names each once. */
  nameTwice(joining: number, leaving: number): void {
    const before = this.voters();
    const isTaken = this.#ask({ add: [joining, joining, joining], remove: [leaving, leaving] }) === true;
    this.#cluster.coverage.add('change named a node more than once');
    this.#expect(isTaken ? [...without(before, leaving), joining] : before);
  }

  /** A replacement whose new node is isolated is cancelled together with another removal; then the new node joins. */
  cancel(joining: number, kept: number, removed: number): void {
    const before = this.voters();
    this.#isolate(joining);
    if (this.#ask({ add: [joining], remove: [kept] }) !== true || !this.#awaitCommitted()) return;
    if (this.#ask({ remove: [joining, removed] }) !== true) return;
    this.#cluster.network.heal();
    if (!this.#expect(without(before, removed))) return;
    if (this.#ask({ add: [joining] }) !== true) return;
    this.#cluster.coverage.add('replacement cancelled together with a removal');
    this.#expect([...without(before, removed), joining]);
  }

  /** A voter that is being replaced loses its disk before its successor has caught up. */
  loseWhileLeaving(joining: number, leaving: number): void {
    const cluster = this.#cluster;
    const before = this.voters();
    const node = cluster.nodes.get(leaving);
    if (node === undefined) return;
    this.#isolate(joining);
    if (this.#ask({ add: [joining], remove: [leaving] }) !== true || !this.#awaitCommitted()) return;
    if (!this.#loseDisk(node) || !this.#awaitCommitted()) return;
    cluster.runUntil(cluster.schedule.nowMs + BACK_WITHIN_MS);
    if (!this.#isUndisturbed) return;
    const voters = this.voters();
    checkProperty(
      !voters.includes(leaving),
      'the voters are those that were asked for',
      () => `node ${leaving} is leaving, and votes again`,
    );
    cluster.network.heal();
    cluster.coverage.add('voter lost its disk while it was leaving');
    this.#expect([...without(before, leaving), joining]);
  }

  /** A replacement is cancelled while another voter, which lost its disk, is down: once it is back, the voters are the same as before. */
  cancelWhileLost(joining: number, kept: number, lost: number): void {
    const cluster = this.#cluster;
    const before = this.voters();
    const node = cluster.nodes.get(lost);
    if (node === undefined) return;
    this.#isolate(joining);
    if (this.#ask({ add: [joining], remove: [kept] }) !== true || !this.#awaitCommitted()) return;
    if (!this.#loseDisk(node)) return;
    this.#isolate(lost);
    const isCancelled = this.#awaitCommitted() && this.#ask({ remove: [joining] }) === true;
    cluster.network.heal();
    if (!isCancelled) return;
    cluster.coverage.add('replacement cancelled while a lost disk was replaced');
    this.#expect(before);
  }

  /**
   * A voter loses its disk, and before the leader notices, the removal of all others but the leader is requested: the rest would be no
   * majority.
   */
  loseBeforeRemoval(kept: number): void {
    const cluster = this.#cluster;
    const before = this.voters();
    const node = cluster.nodes.get(kept);
    // A bit of another disk may have flipped without being detected yet.
    if (node === undefined || !cluster.disks.areAllSound) return;
    this.#loseDiskUnnoticed(node);
    const going = before.filter((voter) => voter !== kept && voter !== cluster.leader()?.id);
    const isTaken = this.#ask({ remove: going });
    if (isTaken === undefined) return;
    cluster.coverage.add('voters asked to leave while another had lost its disk');
    // It may have been slow, and the disk may be replaced by now.
    const isLost = cluster.disks.isLost(kept);
    checkProperty(
      !(isTaken && isLost),
      'members leave only where the rest can go on',
      () => `node ${kept} has lost its disk, and the others leave`,
    );
    this.#expect(isTaken ? before.filter((voter) => !going.includes(voter)) : before);
  }

  /** The same where a new node is about to replace all others. */
  loseBeforeOthersLeave(joining: number, kept: number): void {
    const cluster = this.#cluster;
    const before = this.voters();
    const node = cluster.nodes.get(kept);
    if (node === undefined) return;
    this.#isolate(joining);
    if (this.#ask({ add: [joining], remove: without(before, kept) }) !== true || !this.#awaitCommitted()) return;
    if (!cluster.disks.areAllSound) return;
    this.#loseDiskUnnoticed(node);
    cluster.network.heal();
    cluster.coverage.add('voters about to leave while another had lost its disk');
    awaitQuiescence(cluster);
    const areThere = (): boolean => this.voters().join() === [kept, joining].toSorted((one, next) => one - next).join();
    const deadlineMs = cluster.schedule.nowMs + DONE_WITHIN_MS;
    while (!areThere() && cluster.schedule.nowMs < deadlineMs) cluster.runUntil(cluster.schedule.nowMs + POLL_MS);
    checkProperty(
      areThere() || cluster.ends !== this.#ends,
      'the voters are those that were asked for',
      () => `the voters are ${this.voters().join(', ')}, not ${kept}, ${joining}`,
    );
  }

  /** @returns false when the outcome is undecided because of a disturbance. */
  #expect(asked: readonly number[]): boolean {
    const cluster = this.#cluster;
    awaitQuiescence(cluster);
    if (!this.#isUndisturbed) return false;
    const voters = this.voters();
    const wanted = asked.toSorted((one, next) => one - next);
    checkProperty(
      voters.join() === wanted.join(),
      'the voters are those that were asked for',
      () => `the voters are ${voters.join(', ')}, and ${wanted.join(', ')} were asked for`,
    );
    return true;
  }

  /** A row that was damaged earlier may be detected only now: its node is rebuilt. Under another leader an accepted change may be lost. */
  get #isUndisturbed(): boolean {
    return this.#cluster.ends === this.#ends && this.#cluster.leader()?.runtime?.view.term === this.#term;
  }

  /** @returns whether the leader accepted it; undefined when there was no reply. */
  #ask({ add = [], remove = [] }: Change): boolean | undefined {
    const cluster = this.#cluster;
    const leader = cluster.leader();
    if (leader === undefined || !this.#isUndisturbed) return undefined;
    this.#calls += 1;
    const call = this.#calls;
    const to = new ByteWriter(64);
    writeClientFrame(to, { type: 'change', call, add, remove, learners: [] });
    cluster.sendToNode(OPERATOR_CONNECTION, leader.id, to.copy());
    const deadlineMs = cluster.schedule.nowMs + ANSWER_WITHIN_MS;
    while (!this.#replies.has(call) && cluster.schedule.nowMs < deadlineMs) cluster.runUntil(cluster.schedule.nowMs + POLL_MS);
    const reply = this.#replies.get(call);
    return reply === undefined ? undefined : reply === 'done';
  }

  /** Until the requested configuration is committed, and not joint. */
  #awaitCommitted(): boolean {
    return this.#until(() => {
      const view = this.#cluster.leader()?.runtime?.view;
      return view !== undefined && view.configurations.latest.index <= view.commit && !isJoint(view.configuration);
    });
  }

  #until(holds: () => boolean, pollMs = POLL_MS): boolean {
    const cluster = this.#cluster;
    const deadlineMs = cluster.schedule.nowMs + DONE_WITHIN_MS;
    while (!holds()) {
      if (cluster.schedule.nowMs >= deadlineMs || !this.#isUndisturbed) return false;
      cluster.runUntil(cluster.schedule.nowMs + pollMs);
    }
    return this.#isUndisturbed;
  }

  #isolate(id: number): void {
    for (const other of this.#cluster.nodes.keys()) {
      if (other === id) continue;
      this.#cluster.network.cut(other, id);
      this.#cluster.network.cut(id, other);
    }
  }

  #loseDiskUnnoticed(node: SimNode): void {
    this.#cluster.disks.markLost(node);
    this.#cluster.stopNode(node, DOWN_MS, false);
    node.loseDisk();
    this.#ends = this.#cluster.ends;
  }

  /** @returns whether the leader was seen to remove the node from the voters until it is rebuilt. */
  #loseDisk(node: SimNode): boolean {
    const cluster = this.#cluster;
    cluster.disks.markLost(node);
    cluster.stopNode(node, DOWN_MS, true);
    node.loseDisk();
    this.#ends = cluster.ends;
    const isNoticed = (): boolean => cluster.leader()?.runtime?.view.configuration.voters.every((voter) => voter !== node.id) === true;
    return this.#until(isNoticed, NOTICED_POLL_MS);
  }
}

const without = (nodes: readonly number[], gone: number): number[] => nodes.filter((node) => node !== gone);
