import { jobQueueOf } from './job-queue-of.ts';
import { PROBE_QUEUE, Probe } from './probe.ts';
import { awaitQuiescence } from './quiescence.ts';
import type { SimCluster } from './sim-cluster.ts';
import type { SimNode } from './sim-node.ts';
import { checkProperty } from './violation.ts';

/** Due events happen within this time, by the clock of the leader. */
const LATE_MS_MAX = 1_000;
/** The probe's delays and leases are due while no client sends anything, some after a change of leader. */
const DUE_AFTER_MS = 400;
/** Less than the probe takes to ask again, which restarts the wait. */
const CLAIM_WAIT_MS = 200;
/** Maximum time of a change of leader. */
const LEADS_WITHIN_MS = 20_000;
const ORDER_AGAIN_MS = 500;
const POLL_MS = 20;
/** The leader that is cut off appends more entries than the next leaders until they are watched. */
const OVERWRITTEN_ENTRIES = 30;
const OVERWRITTEN_EVERY_MS = 2;
/** The overwritten leader proposes its tick behind them. */
const TICK_DUE_AFTER_MS = 120;
/** Steps of the leader's wall clock while something is due under it. */
const CLOCK_STEPS_MS = [-3_600_000, 86_400_000, -30 * 86_400_000, 3_600_000, -86_400_000] as const;
/** How much slower, or faster, than true time a clock may be. */
const CLOCK_SHARE_MAX = 1.1;
/** A leader whose clock is further behind is not waited for. */
const CLOCK_BEHIND_MS_MAX = 10_000;
/** Clients have smaller numbers. */
const PROBE_CONNECTION = 900;

/**
 * After the faults: clients send nothing, and each voter leads in turn, first one whose tick was overwritten. Under each of them delays,
 * leases and waiting claims end when they are due, although no request carries the time.
 */
export function watchLiveness(cluster: SimCluster): void {
  const { ends } = cluster;
  const leader = cluster.leader();
  const voters = leader?.runtime?.view.configuration.voters ?? [];
  const probe = new Probe(cluster, PROBE_CONNECTION);
  const turns = new Liveness(cluster, probe, () => cluster.ends === ends && cluster.disks.areAllSound);
  if (leader === undefined) return;
  if (voters.length >= 3) turns.overwriteTick(leader);
  // The deposed leader first, while its log has changed least.
  const order = [leader.nodeId, ...voters.filter((voter) => voter !== leader.nodeId)];
  for (const voter of order) {
    const node = cluster.nodes.get(voter);
    if (node === undefined || !turns.watchUnder(node)) return;
  }
}

class Liveness {
  readonly #cluster: SimCluster;
  readonly #probe: Probe;
  /** A row that was damaged earlier may be detected only now: its node is rebuilt, and the cluster is not quiescent. */
  readonly #isUndisturbed: () => boolean;
  /** When the remaining delays are due, by the wall clock of the leader that accepted them, ascending. */
  readonly #delaysDueWallMs: number[] = [];
  #leasesEndFromMs = 0;

  constructor(cluster: SimCluster, probe: Probe, isUndisturbed: () => boolean) {
    this.#cluster = cluster;
    this.#probe = probe;
    this.#isUndisturbed = isUndisturbed;
  }

  /** The leader is cut off when something is due, and appends its tick behind entries that the next leader overwrites. */
  overwriteTick(leader: SimNode): void {
    const cluster = this.#cluster;
    this.#probe.leaveDue(TICK_DUE_AFTER_MS, TICK_DUE_AFTER_MS);
    this.#delaysDueWallMs.push(leader.wallMs + TICK_DUE_AFTER_MS);
    for (const id of cluster.nodes.keys()) {
      if (id === leader.id) continue;
      cluster.network.cut(leader.id, id);
      cluster.network.cut(id, leader.id);
    }
    this.#probe.flood(leader.id, OVERWRITTEN_ENTRIES, OVERWRITTEN_EVERY_MS);
    const deadlineMs = cluster.schedule.nowMs + LEADS_WITHIN_MS;
    const isReplaced = (): boolean => leader.runtime?.view.role !== 'leader' && cluster.leader() !== undefined;
    while (!isReplaced() && cluster.schedule.nowMs < deadlineMs) cluster.runUntil(cluster.schedule.nowMs + POLL_MS);
    checkProperty(isReplaced() || !this.#isUndisturbed(), 'a leader that receives nothing is replaced', () => cluster.describe());
    cluster.network.heal();
    awaitQuiescence(cluster);
    cluster.coverage.add('leader cut off while something was due');
  }

  /** Events scheduled under the previous leader and under this one happen when they are due. @returns false when that was disturbed. */
  watchUnder(node: SimNode): boolean {
    const before = this.#cluster.leader();
    if (before === undefined) return false;
    this.#leaveDue(before);
    if (!this.#handOverTo(node) || !this.#watch(node)) return false;
    const hasReply = this.#probe.leaveWaiting(CLAIM_WAIT_MS);
    this.#leaveDue(node);
    // A clock step moves no lease; delays continue when the clock is right again.
    const stepMs = CLOCK_STEPS_MS[node.id % CLOCK_STEPS_MS.length] ?? 0;
    node.wallOffsetMs += stepMs;
    const isWatched = this.#watch(node, false);
    node.wallOffsetMs -= stepMs;
    if (!isWatched || !this.#watch(node)) return false;
    checkProperty(hasReply(), 'a claim waits no longer than it asked for', () => `node ${node.id} leads and does not reply`);
    this.#cluster.coverage.add('something due under a leader without requests');
    return true;
  }

  #leaveDue(leader: SimNode): void {
    this.#leasesEndFromMs = this.#cluster.schedule.nowMs + DUE_AFTER_MS / CLOCK_SHARE_MAX;
    this.#probe.leaveDue(DUE_AFTER_MS, DUE_AFTER_MS);
    this.#delaysDueWallMs.push(leader.wallMs + DUE_AFTER_MS);
    this.#delaysDueWallMs.sort((one, other) => one - other);
  }

  /** @param isForDelays whether it waits until the delays end, too. @returns false when something disturbed it. */
  #watch(node: SimNode, isForDelays = true): boolean {
    const cluster = this.#cluster;
    const { nowMs } = cluster.schedule;
    const { wallMs } = node;
    // A lease gets its full duration again under a new leader, whose clock may be slow.
    const leasesEndMs = nowMs + DUE_AFTER_MS;
    for (;;) {
      const { delayed, active } = this.#probeCounts(node);
      if (!this.#isUndisturbed() || cluster.leader() !== node) return false;
      // Those that were due first have happened.
      this.#delaysDueWallMs.splice(0, Math.max(0, this.#delaysDueWallMs.length - delayed));
      const [delayDueWallMs = Number.POSITIVE_INFINITY] = this.#delaysDueWallMs;
      checkProperty(
        active > 0 || cluster.schedule.nowMs >= this.#leasesEndFromMs,
        'a lease lasts under every leader',
        () => `node ${node.id} leads, and a lease ended ${Math.round(this.#leasesEndFromMs - cluster.schedule.nowMs)} ms too early`,
      );
      // Nothing can act before it leads.
      const isDelayLate = node.wallMs > Math.max(delayDueWallMs, wallMs) + LATE_MS_MAX;
      checkProperty(
        !isDelayLate,
        'a delay ends under every leader',
        () => `node ${node.id} leads, and a delay of the probe is ${Math.round(node.wallMs - delayDueWallMs)} ms past its end by its clock`,
      );
      checkProperty(
        active === 0 || cluster.schedule.nowMs <= leasesEndMs + LATE_MS_MAX * CLOCK_SHARE_MAX,
        'a lease ends under every leader',
        () => `node ${node.id} leads, and ${active} leases are ${Math.round(cluster.schedule.nowMs - leasesEndMs)} ms past their end`,
      );
      if (active === 0 && (!isForDelays || delayDueWallMs > node.wallMs + CLOCK_BEHIND_MS_MAX)) return true;
      cluster.runUntil(cluster.schedule.nowMs + POLL_MS);
    }
  }

  #probeCounts({ runtime }: SimNode): { readonly delayed: number; readonly active: number } {
    return runtime === undefined ? { delayed: 0, active: 0 } : jobQueueOf(runtime).counts(PROBE_QUEUE);
  }

  #handOverTo(node: SimNode): boolean {
    const cluster = this.#cluster;
    const deadlineMs = cluster.schedule.nowMs + LEADS_WITHIN_MS;
    let orderAtMs = cluster.schedule.nowMs;
    while (cluster.leader() !== node) {
      if (cluster.schedule.nowMs >= orderAtMs) {
        cluster.sendAdminRequest({ type: 'transfer', call: 1, to: node.id });
        orderAtMs = cluster.schedule.nowMs + ORDER_AGAIN_MS;
      }
      cluster.runUntil(cluster.schedule.nowMs + POLL_MS);
      if (!this.#isUndisturbed()) return false;
      checkProperty(
        cluster.schedule.nowMs < deadlineMs,
        'leadership goes where it is asked to',
        () => `node ${node.id}: ${cluster.describe()}`,
      );
    }
    awaitQuiescence(cluster);
    return cluster.leader() === node && this.#isUndisturbed();
  }
}
