import { ANY_GENERATION, type Generation } from '../base/generation.ts';
import type { EntryId } from '../base/ids.ts';
import { mayLoseDisk } from './lost-disks.ts';
import { isRecordedWithout, restore } from './roll-back.ts';
import type { SimCluster } from './sim-cluster.ts';
import type { DiskCopy, SimNode } from './sim-node.ts';

const LOOK_EVERY_MS = 1;
/** Less than an election timeout: a leader without responses from a majority steps down. */
const ANSWERED_WITHIN_MS = 180;
const OVERWRITTEN_WITHIN_MS = 2_500;
const RECORDED_WITHIN_MS = 4_000;
/** For this long the replaced leader reaches only the restored node. */
const ONLY_ONE_MS = 400;

interface Participants {
  readonly leader: SimNode;
  /** It acknowledges an entry of the leader that is overwritten later. */
  readonly follower: SimNode;
  /** Its disk is restored. */
  readonly node: SimNode;
  readonly downMs: number;
}

/**
 * A leader reaches one follower only, then none, and its event loop stops. Once another leader has overwritten what both have, and a later
 * generation of a third voter's disk is on record, that disk is replaced by a copy of it from before. The first leader resumes, and reaches
 * only that voter.
 */
export function acknowledgeLate(cluster: SimCluster, node: SimNode, downMs: number): void {
  const leader = cluster.leader();
  const voters = leader?.runtime?.view.configuration.voters ?? [];
  const follower = voters
    .map((voter) => cluster.nodes.get(voter))
    .find((other) => other?.isUp === true && other !== leader && other !== node);
  if (cluster.network.isHealed || leader === undefined || follower === undefined) return;
  if (leader === node || !node.isUp || !voters.includes(node.nodeId) || voters.length < 4) return;
  new LateReply(cluster, { leader, follower, node, downMs }).begin();
}

class LateReply {
  readonly #cluster: SimCluster;
  readonly #participants: Participants;
  readonly #copy: DiskCopy;
  readonly #copied: Generation;
  readonly #term: number;
  readonly #cuts = new Map<string, readonly (readonly [number, number])[]>();
  #isLeaderStopped = false;

  constructor(cluster: SimCluster, participants: Participants) {
    this.#cluster = cluster;
    this.#participants = participants;
    this.#copy = participants.node.copyDisk();
    this.#copied = participants.node.runtime?.generation.current ?? ANY_GENERATION;
    this.#term = participants.leader.runtime?.view.term ?? 0;
  }

  begin(): void {
    const { leader, follower } = this.#participants;
    this.#cut('leader', leader, [follower]);
    this.#cut('follower', follower, [leader]);
    this.#await(
      ANSWERED_WITHIN_MS,
      () => this.#acknowledged() !== undefined,
      () => this.#stopLeader(this.#acknowledged()),
    );
  }

  #stopLeader(entry: EntryId | undefined): void {
    const { leader } = this.#participants;
    this.#isLeaderStopped = true;
    this.#cut('leader', leader, []);
    this.#await(
      OVERWRITTEN_WITHIN_MS,
      () => entry !== undefined && this.#isOverwritten(entry),
      () => {
        this.#uncut('follower');
        this.#awaitRecord();
      },
    );
  }

  #awaitRecord(): void {
    const { node, downMs } = this.#participants;
    const mayRestore = (): boolean => node.isUp && node.diskId === this.#copy.id && mayLoseDisk(this.#cluster, node);
    this.#await(
      RECORDED_WITHIN_MS,
      () => mayRestore() && isRecordedWithout(this.#cluster, node, this.#copied),
      () => {
        restore(this.#cluster, node, this.#copy, downMs);
        this.#wakeLeader();
      },
    );
  }

  #wakeLeader(): void {
    const { leader, node } = this.#participants;
    this.#cut('leader', leader, [node]);
    this.#cut('node', node, [leader]);
    this.#await(
      RECORDED_WITHIN_MS,
      () => node.isUp,
      () => {
        this.#cluster.coverage.add('replaced leader reached only a restored copy');
        this.#isLeaderStopped = false;
        this.#cluster.schedule.after(ONLY_ONE_MS, () => this.#end());
      },
    );
  }

  /** The index that the follower has acknowledged in the leader's term, and that the leader has not committed. */
  #acknowledged(): EntryId | undefined {
    const { leader, follower } = this.#participants;
    const view = leader.runtime?.view;
    const index = view?.leading?.progress.get(follower.nodeId)?.match;
    if (view === undefined || index === undefined || index <= view.commit || view.log.termAt(index) !== view.term) return undefined;
    return { index, term: view.term };
  }

  /** Whether another leader has committed something else there. */
  #isOverwritten({ index, term }: EntryId): boolean {
    const view = this.#cluster.leader()?.runtime?.view;
    if (view === undefined || view.term <= this.#term || view.commit < index) return false;
    return view.log.termAt(index) !== term;
  }

  /** @param next called once the condition holds; if it does not hold in time, the fault ends. */
  #await(withinMs: number, isReached: () => boolean, next: () => void): void {
    const { schedule, network } = this.#cluster;
    const { leader } = this.#participants;
    const endMs = schedule.nowMs + withinMs;
    const look = (): void => {
      if (network.isHealed) return;
      const view = leader.runtime?.view;
      if (view?.role !== 'leader' || view.term !== this.#term || schedule.nowMs > endMs) {
        this.#end();
        return;
      }
      if (this.#isLeaderStopped) leader.pause(2 * LOOK_EVERY_MS);
      if (isReached()) next();
      else schedule.after(LOOK_EVERY_MS, look);
    };
    look();
  }

  /** From now on the node reaches only these. */
  #cut(name: string, node: SimNode, reached: readonly SimNode[]): void {
    this.#uncut(name);
    const others = [...this.#cluster.nodes.values()].filter((other) => other !== node && !reached.includes(other));
    const links = others.flatMap((other) => [[node.id, other.id] as const, [other.id, node.id] as const]);
    for (const [from, to] of links) this.#cluster.network.cut(from, to);
    this.#cuts.set(name, links);
  }

  #uncut(name: string): void {
    for (const [from, to] of this.#cuts.get(name) ?? []) this.#cluster.network.uncut(from, to);
    this.#cuts.delete(name);
  }

  #end(): void {
    for (const name of [...this.#cuts.keys()]) this.#uncut(name);
  }
}
