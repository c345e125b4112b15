import type { NodeId } from '../base/ids.ts';
import { MACHINE_VERSION_FIRST } from '../protocol/machine-version.ts';
import type { Configuration } from '../raft/entry.ts';
import type { CoreView } from '../raft/raft-core.ts';

/** How often a leader asks the members whose version it does not know. */
const ASK_EVERY_MS = 500;

/**
 * Which state-machine versions the members can apply, as far as this leader knows. The cluster moves to a version once all members have it:
 * an entry that a member cannot apply would end that member.
 */
export class MemberVersions {
  readonly #own: number;
  readonly #assumed: number;
  readonly #known = new Map<NodeId, number>();
  #nextAskMs = 0;
  /** The latest result of `common`, valid until something changes it: it is read in every turn. */
  #common: { readonly self: NodeId; readonly configuration: Configuration; readonly version: number } | undefined;

  /**
   * @param own the newest version that this node has.
   * @param assumed the least version of every member; the owner of all of them knows it.
   */
  constructor(own: number, assumed = MACHINE_VERSION_FIRST) {
    this.#own = own;
    this.#assumed = assumed;
  }

  get own(): number {
    return this.#own;
  }

  onVersion(member: NodeId, version: number): void {
    this.#known.set(member, version);
    this.#common = undefined;
  }

  /** Its channel closed: it may come back with another release. */
  onLost(member: NodeId): void {
    this.#known.delete(member);
    this.#common = undefined;
  }

  /** The newest version that all members are known to have. */
  common(self: NodeId, configuration: Configuration): number {
    if (this.#common?.configuration === configuration && this.#common.self === self) return this.#common.version;
    let version = this.#own;
    for (const member of membersOf(configuration)) if (member !== self) version = Math.min(version, this.#versionOf(member));
    this.#common = { self, configuration, version };
    return version;
  }

  /** @returns the members to ask now; none while the cluster already has the newest version that this node knows. */
  toAsk({ id, configuration }: Pick<CoreView, 'id' | 'configuration'>, version: number, nowMs: number): NodeId[] {
    if (version >= this.#own || nowMs < this.#nextAskMs) return [];
    const unknown = membersOf(configuration).filter((member) => member !== id && this.#versionOf(member) <= version);
    if (unknown.length > 0) this.#nextAskMs = nowMs + ASK_EVERY_MS;
    return unknown;
  }

  #versionOf(member: NodeId): number {
    return Math.max(this.#known.get(member) ?? MACHINE_VERSION_FIRST, this.#assumed);
  }
}

const membersOf = ({ voters, outgoing, learners, joining }: Configuration): NodeId[] => [
  ...new Set([...voters, ...outgoing, ...learners, ...joining]),
];
