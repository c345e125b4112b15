import { ByteWriter } from '../base/bytes.ts';
import type { LogIndex } from '../base/ids.ts';
import { asIndex } from '../base/ids.ts';
import { invariant } from '../base/invariant.ts';
import type { Effects } from '../raft/effects.ts';
import type { CoreView } from '../raft/raft-core.ts';
import { batchRequests, tickData } from './entry-batch.ts';
import type { RequestDesk } from './request-desk.ts';

/** What a proposer needs of its node. */
export interface ProposerPorts {
  readonly view: CoreView;
  readonly desk: RequestDesk;
  /** Most bytes of requests in one entry. */
  readonly entryBytesMax: number;
  wallMs(): number;
  applied(): LogIndex;
  /** When the next delay or lease ends, wall ms. */
  nextDueMs(): number | undefined;
  propose(data: Uint8Array): Effects;
}

/** What goes into the log: each turn's requests, gathered, and time, when something is due and nothing else brings it. */
export class Proposer {
  readonly #ports: ProposerPorts;
  readonly #entryWriter = new ByteWriter(64 * 1024);
  #tickIndex: LogIndex = asIndex(0);

  constructor(ports: ProposerPorts) {
    this.#ports = ports;
  }

  /** In how many ms an entry should bring the time, if nothing else happens. */
  get tickInMs(): number {
    const due = this.#ports.nextDueMs();
    return due === undefined || !this.#mayTick ? Number.POSITIVE_INFINITY : Math.max(0, due - this.#ports.wallMs());
  }

  proposeQueued(): void {
    const { view, desk, entryBytesMax } = this.#ports;
    // The requests wait: either the next leader is found, and their clients are told, or this one leads on.
    if (view.transfer !== undefined) return;
    const queued = desk.takeQueued();
    const wallMs = this.#ports.wallMs();
    for (const { data, items } of batchRequests(queued, wallMs, entryBytesMax, this.#entryWriter)) {
      const { refused } = this.#ports.propose(data);
      if (refused === undefined) desk.onProposed(items);
      else {
        invariant(refused.reason === 'overloaded', () => 'requests were queued at a node that does not lead');
        desk.onOverloaded(items, refused.uncommittedBytes);
      }
    }
    if (view.role === 'leader' && queued.length === 0) this.#proposeTick(wallMs);
  }

  /** Time enters through the log: something is due, and no other entry is on its way to bring the time. */
  #proposeTick(wallMs: number): void {
    const due = this.#ports.nextDueMs();
    if (due === undefined || due > wallMs || !this.#mayTick) return;
    const { proposed } = this.#ports.propose(tickData(wallMs));
    // What was refused, since too much is on its way, is tried again when that has been applied.
    this.#tickIndex = proposed?.index ?? this.#ports.view.log.lastIndex;
  }

  /** Whether an entry that only brings the time could be proposed, and none is on its way. */
  get #mayTick(): boolean {
    const { role, transfer } = this.#ports.view;
    return role === 'leader' && transfer === undefined && this.#tickIndex <= this.#ports.applied();
  }
}
