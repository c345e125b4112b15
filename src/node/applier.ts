import { asIndex, type LogIndex } from '../base/ids.ts';
import { invariant } from '../base/invariant.ts';
import type { EntryKind } from '../raft/entry.ts';
import type { CoreView } from '../raft/raft-core.ts';
import type { CheckpointSchedule } from './checkpoint-schedule.ts';
import type { Clock } from './ports.ts';
import type { ReplySink, StateMachine } from './state-machine.ts';

/** How long entries are applied in one turn before the rest waits for the next turn. */
const SLICE_MS = 5;

export interface ApplierOptions {
  readonly machine: StateMachine;
  readonly clock: Clock;
  /** What the checkpoint covers. */
  readonly applied: LogIndex;
  /** Most bytes of entries and of replies in one turn; one entry always fits. */
  readonly turnBytesMax: number;
  /**
   * Notified of each applied entry. When a checkpoint is due, no more entries are applied until it is written: they would make it longer.
   */
  readonly checkpoints: CheckpointSchedule;
  readonly onApplied: (kind: EntryKind) => void;
}

/**
 * Applies committed entries, a bounded part in each turn. However large the replies of one entry are, and however many entries were
 * committed at once, heartbeats are sent and votes are read between two parts.
 */
export class Applier {
  readonly #options: ApplierOptions;
  #applied: LogIndex;
  #bytesLeft = 0;
  #untilMs = 0;

  constructor(options: ApplierOptions) {
    this.#options = options;
    this.#applied = options.applied;
  }

  get applied(): LogIndex {
    return this.#applied;
  }

  /** A turn begins. */
  onTurn(): void {
    this.#bytesLeft = this.#options.turnBytesMax;
    this.#untilMs = Number.POSITIVE_INFINITY;
  }

  /** Applies until everything committed is applied, or the turn's limit is reached. */
  apply({ log, commit }: CoreView, replies: ReplySink | undefined): void {
    if (commit <= this.#applied || this.#bytesLeft <= 0) return;
    const { machine, clock, checkpoints, onApplied } = this.#options;
    if (checkpoints.isDue(machine, this.#applied)) return;
    const sink = replies === undefined ? undefined : this.#counting(replies);
    // The clock is read between entries only: usually there is one entry.
    if (commit - this.#applied > 1 && this.#untilMs === Number.POSITIVE_INFINITY) this.#untilMs = clock.monotonicMs() + SLICE_MS;
    // One after the other: after a restart a million may be left, of which a turn applies a part.
    for (let index = this.#applied + 1; index <= commit; index += 1) {
      const entry = log.entryAt(asIndex(index));
      invariant(entry !== undefined, () => `entry ${index} is committed, and not in the log of ${log.firstIndex} to ${log.lastIndex}`);
      if (entry.kind === 'command') machine.apply(entry.index, entry.data, sink);
      checkpoints.onApplied(entry.data.length);
      onApplied(entry.kind);
      this.#applied = entry.index;
      this.#bytesLeft -= entry.data.length;
      if (entry.index < commit && this.#bytesLeft > 0 && clock.monotonicMs() >= this.#untilMs) this.#bytesLeft = 0;
      if (this.#bytesLeft <= 0 || checkpoints.isDue(machine, this.#applied)) return;
    }
  }

  onInstalled(index: LogIndex): void {
    this.#applied = index;
  }

  #counting(replies: ReplySink): ReplySink {
    return {
      wants: (client, sequence) => replies.wants(client, sequence),
      reply: (client, sequence, bytes) => {
        this.#bytesLeft -= bytes.length;
        replies.reply(client, sequence, bytes);
      },
    };
  }
}
