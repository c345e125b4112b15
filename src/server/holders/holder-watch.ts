import type { NodeId } from '../../base/ids.ts';
import type { Configuration } from '../../raft/entry.ts';
import { membersOf } from '../../raft/quorum.ts';
import type { UnreachablePeer } from '../../transport/port.ts';
import type { RunningNode } from '../running-node.ts';
import { endedHolders, type MemberHolders } from './ended-holders.ts';
import type { HoldersReport } from './holder-record.ts';

const ROUNDS_PER_GRACE = 6;
const ROUND_MS_MIN = 50;
const ROUND_MS_MAX = 5_000;
/** Holders that are released after one round; the others follow after the next ones. */
const RELEASES_PER_ROUND = 20;

/** How this node takes part in its cluster. */
export type Leading = Pick<RunningNode['runtime']['view'], 'role' | 'term' | 'configuration'>;

/** One leadership, with the same members throughout. */
interface Led extends Pick<Leading, 'term' | 'configuration'> {
  readonly sinceMs: number;
}

export interface HolderWatchOptions {
  readonly own: NodeId;
  /** How long a holder must have been gone, ms. */
  readonly graceMs: number;
  /** Undefined while the node does not run. */
  readonly view: () => Leading | undefined;
  readonly unreachable: () => readonly UnreachablePeer[];
  /** Of this node. */
  readonly report: () => HoldersReport;
  /** Of another one; undefined if it does not say. */
  readonly ask: (member: NodeId) => Promise<HoldersReport | undefined>;
  /** Releases the leases of this holder, if it has any. */
  readonly release: (holder: number) => Promise<void>;
}

/** Asks the members for the holders that they see, while this node leads, and releases the leases of those that have ended. */
export class HolderWatch implements Disposable {
  readonly #options: HolderWatchOptions;
  readonly #everyMs: number;
  #timer: NodeJS.Timeout | undefined;
  #led: Led | undefined;
  /** Ended holders that have no leases any more. */
  #released = new Set<number>();
  #isDisposed = false;

  constructor(options: HolderWatchOptions) {
    this.#options = options;
    this.#everyMs = Math.min(Math.max(options.graceMs / ROUNDS_PER_GRACE, ROUND_MS_MIN), ROUND_MS_MAX);
    this.#plan();
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    clearTimeout(this.#timer);
  }

  #plan(): void {
    if (this.#isDisposed) return;
    this.#timer = setTimeout(() => {
      this.#round().then(
        () => this.#plan(),
        // No leader for now: the next round tries again, and in the worst case the leases end by themselves.
        () => this.#plan(),
      );
    }, this.#everyMs);
    this.#timer.unref();
  }

  async #round(): Promise<void> {
    const { graceMs, release } = this.#options;
    const nowMs = performance.now();
    const led = this.#leadingAt(nowMs);
    if (led === undefined || nowMs - led.sinceMs < graceMs) return;
    const { configuration } = led;
    const members = await this.#ask(configuration, nowMs);
    if (this.#isDisposed || this.#leadingAt(performance.now()) !== led) return;
    const ended = endedHolders({ leadingForMs: nowMs - led.sinceMs, configuration, members }, graceMs);
    this.#released = new Set(ended.filter((holder) => this.#released.has(holder)));
    for (const holder of ended.filter((each) => !this.#released.has(each)).slice(0, RELEASES_PER_ROUND)) {
      await release(holder);
      this.#released.add(holder);
    }
  }

  /** The same object as long as the node leads in the same term with the same members. */
  #leadingAt(nowMs: number): Led | undefined {
    const view = this.#options.view();
    if (view?.role !== 'leader') this.#led = undefined;
    else if (this.#led?.term !== view.term || this.#led.configuration !== view.configuration)
      this.#led = { term: view.term, configuration: view.configuration, sinceMs: nowMs };
    return this.#led;
  }

  async #ask(configuration: Configuration, askedMs: number): Promise<Map<NodeId, MemberHolders>> {
    const { own, ask, report } = this.#options;
    const reports = await Promise.all(
      membersOf(configuration).map(async (member) => ({ member, reported: member === own ? report() : await ask(member) })),
    );
    const unreachable = new Map(this.#options.unreachable().map(({ node, sinceMs }) => [node, askedMs - sinceMs]));
    const members = new Map<NodeId, MemberHolders>();
    for (const { member, reported } of reports) {
      const forMs = unreachable.get(member);
      if (reported !== undefined) members.set(member, { type: 'reported', ...reported });
      else members.set(member, forMs === undefined ? { type: 'unknown' } : { type: 'unreachable', forMs });
    }
    return members;
  }
}
