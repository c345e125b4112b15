import type { Sometimes } from './coverage.ts';
import { EventWatch } from './event-watch.ts';
import type { FaultType } from './fault.ts';
import { injectFault } from './faults.ts';
import { SIM_MACHINES } from './machines.ts';
import { watchMembers } from './member-changes.ts';
import type { Plan } from './plan.ts';
import { awaitQuiescence, checkQuiescence } from './quiescence.ts';
import { SimCluster } from './sim-cluster.ts';
import { awaitNewestVersion, scheduleUpgrades, upgradeAll } from './upgrades.ts';
import { Violation } from './violation.ts';

export interface Failure {
  readonly invariant: string;
  readonly message: string;
  /** Simulated milliseconds from the start. */
  readonly atMs: number;
}

export interface RunOutcome {
  readonly seed: number;
  readonly failure: Failure | undefined;
  readonly hash: string;
  readonly events: number;
  readonly simulatedMs: number;
  readonly operations: number;
  /** Acknowledged writes, which the checks at the end look for. */
  readonly acknowledged: number;
  readonly faults: Readonly<Partial<Record<FaultType, number>>>;
  readonly sometimes: Readonly<Partial<Record<Sometimes, number>>>;
}

/** Maximum duration of a fault, and of a frame in transit. */
const LAST_STALL_MS = 4_000;

/** Runs a plan once. A violation is returned as the outcome, not thrown. */
export function runPlan(plan: Plan): RunOutcome {
  const { machine, clientsOf } = SIM_MACHINES[plan.machine];
  const cluster = new SimCluster(plan, machine, clientsOf);
  const events = new EventWatch(cluster);
  cluster.listen((node, event) => events.onEvent(node, event));
  const faults: Partial<Record<FaultType, number>> = {};
  let failure: Failure | undefined;
  try {
    runFaults(cluster, (type) => {
      faults[type] = (faults[type] ?? 0) + 1;
    });
    watchHealed(cluster);
    cluster.clients.checkEnd();
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    failure = { invariant: error.invariant, message: error.message, atMs: Math.round(cluster.schedule.nowMs) };
  }
  return {
    seed: plan.seed,
    failure,
    hash: cluster.trace.hash,
    events: cluster.schedule.events,
    simulatedMs: cluster.schedule.nowMs - cluster.schedule.suspendedMs,
    operations: cluster.clients.events,
    acknowledged: cluster.clients.acknowledged,
    faults,
    sometimes: Object.fromEntries(cluster.coverage.counts),
  };
}

/** Everything starts, and the plan's faults and upgrades happen while the clients work. @throws {Violation} */
function runFaults(cluster: SimCluster, onFault: (type: FaultType) => void): void {
  const { plan, schedule } = cluster;
  for (const node of cluster.nodes.values()) cluster.startNode(node);
  cluster.clients.start();
  for (const fault of plan.faults) {
    schedule.at(fault.atMs, () => {
      onFault(fault.type);
      injectFault(cluster, fault);
    });
  }
  scheduleUpgrades(cluster);
  while (schedule.nowMs < plan.faultMs + schedule.suspendedMs) cluster.runUntil(plan.faultMs + schedule.suspendedMs);
}

/** No more faults: the cluster makes progress, and what it guarantees without faults is checked. @throws {Violation} */
function watchHealed(cluster: SimCluster): void {
  heal(cluster);
  awaitQuiescence(cluster);
  // Pauses and stuck writes that began before may last a little longer.
  cluster.runUntil(cluster.schedule.nowMs + LAST_STALL_MS);
  awaitQuiescence(cluster);
  awaitNewestVersion(cluster);
  checkQuiescence(cluster);
  awaitQuiescence(cluster);
  cluster.clients.watch();
  watchMembers(cluster);
  for (const node of cluster.nodes.values()) cluster.checkState(node);
}

function heal(cluster: SimCluster): void {
  cluster.triggers.cancel();
  cluster.network.heal();
  cluster.clients.stop();
  upgradeAll(cluster);
  for (const node of cluster.nodes.values()) {
    if (node.hasPlannedFailure) cluster.stopNode(node, 0, true);
    // A node that has nothing to write would be stuck much later, after the faults.
    node.disk.stallNextWrite(0);
    cluster.startNode(node);
  }
}

/** Runs a plan twice: a run that depends on anything but its plan cannot be replayed, which is a separate failure. */
export function runPlanTwice(plan: Plan): RunOutcome {
  const first = runPlan(plan);
  if (first.failure !== undefined) return first;
  const second = runPlan(plan);
  if (second.hash === first.hash && second.events === first.events) return first;
  const message = `two runs of the same plan differ: ${first.hash} with ${first.events} events, ${second.hash} with ${second.events}`;
  return { ...first, failure: { invariant: 'the same plan gives the same run', message, atMs: 0 } };
}
