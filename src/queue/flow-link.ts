import { CHILD_STATUSES, ChildStatus } from '../protocol/flow.ts';

/** What a parent knows of one of its children. It stays while the parent is there, also when the child is gone. */
export class ChildLink {
  /** The id of the child. */
  readonly id: number;
  readonly parent: FlowParent;
  readonly queue: string;
  readonly customId: string | undefined;
  /** A value of OnFailure. */
  readonly onFailure: number;
  /** A value of ChildStatus. Maintained by FlowTable. */
  status: number = ChildStatus.unprocessed;
  /** The result or the reason; undefined if there is none, or once the checkpoint holds it. */
  value: Uint8Array | undefined = undefined;
  valueLength = 0;
  isValueStored = false;
  isValueDirty = false;

  constructor(id: number, parent: FlowParent, queue: string, customId: string | undefined, onFailure: number) {
    this.id = id;
    this.parent = parent;
    this.queue = queue;
    this.customId = customId;
    this.onFailure = onFailure;
  }
}

/** A job that was added with children. Their ids are in a row. */
export class FlowParent {
  /** The id of the job. */
  readonly id: number;
  /** The children have ids in [firstId, endId); those that are its own no longer are missing. */
  firstId = Number.MAX_SAFE_INTEGER;
  endId = 0;
  /** How many children have each status. */
  readonly counts: number[] = CHILD_STATUSES.map(() => 0);
  /** How many children failed with the rule to go on without the others. */
  continued = 0;

  constructor(id: number) {
    this.id = id;
  }

  get unprocessed(): number {
    return this.counts[ChildStatus.unprocessed] as number;
  }

  get size(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }

  /** It waits for its children when it is there, or is retried. */
  get mustWait(): boolean {
    return this.unprocessed > 0 && this.continued === 0;
  }
}
