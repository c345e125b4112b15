import { asIndex, type LogIndex } from '../base/ids.ts';
import type { NodeRuntime } from '../node/node-runtime.ts';
import { UnsupportedVersionError, versionOfEntry } from '../protocol/entry-data.ts';
import { MACHINE_VERSION_FIRST } from '../protocol/machine-version.ts';
import type { SimNode } from './sim-node.ts';
import { checkProperty } from './violation.ts';
import type { World } from './world.ts';

/** Downtime of a node during its upgrade. */
const UPGRADE_MS = 60;
/** In this time a quiescent cluster moves to a version that all members have. */
const MOVES_WITHIN_MS = 10_000;
const POLL_MS = 50;

/** Nodes that run the code of an earlier state-machine version, and checks while they are upgraded one by one. */
export class Versions {
  readonly #world: World;
  readonly #old: Set<number>;
  /** The newest version that any node has applied, and the members at that time. */
  #version = MACHINE_VERSION_FIRST;
  #membersAtMove: readonly number[] = [];
  readonly #applied = new Map<SimNode, LogIndex>();

  constructor(world: World) {
    this.#world = world;
    this.#old = new Set(world.plan.upgrades.map(({ node }) => node));
  }

  /** The newest version that the node's code has. */
  maxOf(node: number): number {
    return this.#old.has(node) ? MACHINE_VERSION_FIRST : this.#world.machine.versionMax;
  }

  schedule(): void {
    for (const { node, atMs } of this.#world.plan.upgrades) this.#world.schedule.at(atMs, () => this.#upgrade(node));
  }

  upgradeAll(): void {
    for (const node of [...this.#old]) this.#upgrade(node);
  }

  onTurn(node: SimNode, runtime: NodeRuntime): void {
    const before = this.#applied.get(node) ?? asIndex(0);
    this.#applied.set(node, runtime.applied);
    if (runtime.machine.version <= this.#version) return;
    this.#version = runtime.machine.version;
    this.#world.coverage.add('cluster moved to a newer version');
    const { log, configurations } = runtime.view;
    const from = asIndex(Math.max(before, log.compacted.index));
    const entries = from < runtime.applied ? log.between(from, runtime.applied) : [];
    const first = entries.find(({ kind, data }) => kind === 'command' && versionOfEntry(data) === this.#version);
    if (first === undefined) return;
    const { voters, outgoing, learners, joining } = configurations.at(first.index).configuration;
    this.#membersAtMove = [...voters, ...outgoing, ...learners, ...joining];
    const old = this.#membersAtMove.filter((member) => this.#old.has(member));
    checkProperty(
      old.length === 0,
      'the cluster moves to a version that all members have',
      () => `entry ${first.index} is of version ${this.#version}, which nodes ${old.join(', ')} do not have`,
    );
  }

  /** A node with old code that was no member when the version changed may receive entries that it cannot apply: then it is upgraded. */
  onError(node: SimNode, error: unknown): boolean {
    if (!(error instanceof UnsupportedVersionError) || !this.#old.has(node.id) || this.#membersAtMove.includes(node.id)) return false;
    this.#old.delete(node.id);
    return true;
  }

  /** Once every member has the newest version, the cluster moves to it without a request. */
  await(): void {
    const world = this.#world;
    const deadlineMs = world.schedule.nowMs + MOVES_WITHIN_MS;
    for (;;) {
      const version = world.leader()?.runtime?.machine.version;
      if (version === world.machine.versionMax) return;
      checkProperty(
        world.schedule.nowMs < deadlineMs,
        'the cluster moves to the newest version',
        () => `it has ${version}; ${world.describe()}`,
      );
      world.runUntil(world.schedule.nowMs + POLL_MS);
    }
  }

  #upgrade(id: number): void {
    if (!this.#old.delete(id)) return;
    this.#world.coverage.add('node restarted with newer code');
    const node = this.#world.nodes.get(id);
    if (node !== undefined) this.#world.stopNode(node, UPGRADE_MS, true);
  }
}
