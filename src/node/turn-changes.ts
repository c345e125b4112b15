import type { Generation } from '../base/generation.ts';
import type { LogIndex } from '../base/ids.ts';
import { invariant } from '../base/invariant.ts';
import type { Effects } from '../raft/effects.ts';
import type { Entry, HardState } from '../raft/entry.ts';
import type { PersistBatch } from '../storage/port.ts';
import type { CheckpointPart } from './checkpoint-schedule.ts';

/** What the steps of one turn want written, merged so that one transaction holds it all. */
export class TurnChanges {
  hardState: HardState | undefined;
  #from: LogIndex | undefined;
  #entries: Entry[] = [];

  get isEmpty(): boolean {
    return this.hardState === undefined && this.#from === undefined;
  }

  get append(): { readonly from: LogIndex; readonly entries: readonly Entry[] } | undefined {
    return this.#from === undefined ? undefined : { from: this.#from, entries: this.#entries };
  }

  /** The turn's transaction. */
  batchWith(checkpoint: CheckpointPart | undefined, generation: Generation | undefined): PersistBatch {
    const { hardState, append } = this;
    return {
      ...(hardState === undefined ? {} : { hardState }),
      ...(append === undefined ? {} : { append }),
      ...checkpoint,
      ...(generation === undefined ? {} : { generation }),
    };
  }

  merge(effects: Effects): void {
    if (effects.hardState !== undefined) this.hardState = effects.hardState;
    if (effects.append === undefined) return;
    const { from, entries } = effects.append;
    if (this.#from === undefined || from <= this.#from) {
      this.#from = from;
      this.#entries = [...entries];
      return;
    }
    const kept = from - this.#from;
    invariant(kept <= this.#entries.length, () => `a step appends at ${from}, behind a gap`);
    this.#entries.length = kept;
    for (const entry of entries) this.#entries.push(entry);
  }

  clear(): void {
    this.hardState = undefined;
    this.#from = undefined;
    this.#entries = [];
  }
}
