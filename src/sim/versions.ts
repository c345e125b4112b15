import { asIndex, type LogIndex } from '../base/ids.ts';
import type { NodeRuntime } from '../node/node-runtime.ts';
import { UnsupportedVersionError, versionOfEntry } from '../protocol/entry-data.ts';
import { MACHINE_VERSION_FIRST } from '../protocol/machine-version.ts';
import type { Coverage } from './coverage.ts';
import type { Plan } from './plan.ts';
import type { SimNode } from './sim-node.ts';
import { checkProperty } from './violation.ts';

/** Nodes that run the code of an earlier state-machine version, and checks while they are upgraded one by one. */
export class Versions {
  readonly #coverage: Coverage;
  readonly #versionMax: number;
  readonly #oldVersion: number;
  readonly #old: Set<number>;
  /** The newest version that any node has applied, and the members at that time. */
  #version = MACHINE_VERSION_FIRST;
  #membersAtMove: readonly number[] = [];
  readonly #applied = new Map<SimNode, LogIndex>();

  constructor(coverage: Coverage, { upgrades, oldVersion }: Plan, versionMax: number) {
    this.#coverage = coverage;
    this.#versionMax = versionMax;
    this.#oldVersion = oldVersion;
    this.#old = new Set(upgrades.map(({ node }) => node));
  }

  /** The newest version that the node's code has. */
  maxOf(node: number): number {
    return this.#old.has(node) ? this.#oldVersion : this.#versionMax;
  }

  /** The nodes that have not been upgraded yet. */
  get oldNodes(): number[] {
    return [...this.#old];
  }

  /** @returns whether the node had old code. */
  onUpgraded(node: number): boolean {
    return this.#old.delete(node);
  }

  onTurn(node: SimNode, runtime: NodeRuntime): void {
    const before = this.#applied.get(node) ?? asIndex(0);
    this.#applied.set(node, runtime.applied);
    if (runtime.machine.version <= this.#version) return;
    if (this.#version === 3) this.#coverage.add('cluster moved on from version 3');
    this.#version = runtime.machine.version;
    this.#coverage.add('cluster moved to a newer version');
    const { log, configurations } = runtime.view;
    const from = asIndex(Math.max(before, log.compacted.index));
    const entries = from < runtime.applied ? log.between(from, runtime.applied) : [];
    const first = entries.find(({ kind, data }) => kind === 'command' && versionOfEntry(data) === this.#version);
    if (first === undefined) return;
    const { voters, outgoing, learners, joining } = configurations.at(first.index).configuration;
    this.#membersAtMove = [...voters, ...outgoing, ...learners, ...joining];
    const old = this.#membersAtMove.filter((member) => this.maxOf(member) < this.#version);
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
}
