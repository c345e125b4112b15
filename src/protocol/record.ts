/** One record of the state machine's checkpoint; `value` undefined deletes the record. */
export interface RecordChange {
  /** Index into the list of record kinds that the storage was opened with. */
  readonly kind: number;
  /** A safe integer of at least zero. */
  readonly key: number;
  readonly value: Uint8Array | undefined;
}

/** Reads the records of one kind from a checkpoint, in ascending order of keys. */
export type RecordSource = (kind: number) => Iterable<{ readonly key: number; readonly value: Uint8Array }>;
