import type { NodeEvent } from '../node/event.ts';
import { isJoint } from '../raft/membership.ts';
import { dropInbound, split } from './faults.ts';
import type { SimCluster } from './sim-cluster.ts';
import type { SimNode } from './sim-node.ts';

/** A restarted node receives old messages again after one of these times, in ms, while it sends its first requests. */
const REPLAYED_AFTER_MS = [1, 3, 8, 20, 60] as const;

/** Handles the events that nodes report: role changes, covered cases, and faults that begin with an event. */
export class EventWatch {
  readonly #cluster: SimCluster;
  readonly #roles = new Map<number, { role: string; term: number; configuration: number }>();

  constructor(cluster: SimCluster) {
    this.#cluster = cluster;
  }

  onEvent(node: SimNode, event: NodeEvent): void {
    const { coverage, leaderships, network, schedule, triggers } = this.#cluster;
    coverage.observe(event, event.type === 'election-timeout' && this.#isSnapshotRunning());
    const known = this.#roles.get(node.id) ?? { role: 'follower', term: 0, configuration: 0 };
    this.#roles.set(node.id, known);
    if (event.type === 'role') {
      if (event.role === 'leader') leaderships.onElected(node.id, event.term, schedule.nowMs);
      else leaderships.onEnded(node.id, schedule.nowMs);
      if (known.role === 'leader' && event.role === 'follower') {
        coverage.add(event.term > known.term ? 'leader deposed by a newer term' : 'leader stepped down without a majority (CheckQuorum)');
      }
      known.role = event.role;
      known.term = event.term;
      if (event.role === 'leader' && schedule.nowMs < triggers.replayUntilMs && !network.isHealed) {
        coverage.add('new leader got old messages again');
        network.replayTo(node.id);
      }
    } else if (event.type === 'configuration') {
      if (event.index < known.configuration) coverage.add('uncommitted configuration truncated');
      known.configuration = event.index;
      if (triggers.splitOnJoint !== undefined && known.role === 'leader' && isJoint(event.configuration)) {
        split(this.#cluster, node, triggers.splitOnJoint);
        triggers.splitOnJoint = undefined;
      }
    } else if (event.type === 'transfer' && event.outcome === 'asked' && triggers.dropInboundOnTransferMs !== undefined) {
      coverage.add('leader handed over and did not hear of its successor');
      dropInbound(this.#cluster, node, triggers.dropInboundOnTransferMs);
      triggers.dropInboundOnTransferMs = undefined;
    } else if (event.type === 'removed' && known.role === 'leader') coverage.add('leader removed');
    else if (event.type === 'started') {
      this.#roles.set(node.id, { role: 'follower', term: event.term, configuration: 0 });
      if (node.lives > 0 && schedule.nowMs < triggers.replayUntilMs) this.#replayLater(node);
    }
  }

  #replayLater(node: SimNode): void {
    const { coverage, network, schedule } = this.#cluster;
    coverage.add('restarted node got old messages again');
    schedule.after(REPLAYED_AFTER_MS[node.lives % REPLAYED_AFTER_MS.length] ?? 0, () => {
      if (!network.isHealed) network.replayTo(node.id);
    });
  }

  #isSnapshotRunning(): boolean {
    return [...(this.#cluster.leader()?.runtime?.view.leading?.progress.values() ?? [])].some(({ state }) => state === 'snapshot');
  }
}
