import { JobraftError, type Outcome } from '../base/errors.ts';
import { counterOf, type Generation } from '../base/generation.ts';

export type StorageErrorCode =
  | 'STORAGE_DAMAGED'
  | 'STORAGE_IN_USE'
  | 'STORAGE_FULL'
  | 'STORAGE_FAILED'
  | 'STORAGE_SCHEMA'
  /** The file of another cluster, or of another node. */
  | 'STORAGE_FOREIGN'
  /** The files of too many nodes are missing: no majority has the acknowledged entries. */
  | 'STORAGE_LOST'
  /** The file was restored from an older copy: it lacks what its node acknowledged since. */
  | 'STORAGE_ROLLED_BACK'
  /** The file is encrypted with a key that was not given. */
  | 'STORAGE_KEY_MISSING'
  /** The file cannot be given up for a rebuild: without its node the voters are no majority. */
  | 'STORAGE_TOO_FEW_VOTERS';

/** A node's file cannot be used. The node stops; acknowledged data is still on a majority. */
export class StorageError extends JobraftError {
  override readonly code: StorageErrorCode;
  /** The outcome of the calls in progress when the node stopped; `not-applied` where none had begun, as in a start that failed. */
  override readonly outcome: Outcome;

  constructor(code: StorageErrorCode, message: string, options: { readonly cause?: unknown; readonly outcome?: Outcome } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.outcome = options.outcome ?? 'unknown';
  }
}

/** A snapshot changed in transit from the leader. This node's file is not affected; the chunk must be sent again. */
export class SnapshotDamagedError extends JobraftError {
  override readonly code = 'SNAPSHOT_DAMAGED';

  constructor(kind: string, key: number) {
    super(
      `Record ${key} of the kind "${kind}" does not match the checksum that the leader sent with it. Nothing of its chunk was staged: send it again.`,
    );
  }
}

/** @param file its name, or its owner. @param found its generation. @param recorded the generation that the cluster has on record. */
export function rolledBack(file: string, found: Generation, recorded: Generation): StorageError {
  return new StorageError(
    'STORAGE_ROLLED_BACK',
    `${file} was restored from an older copy: it is in generation ${counterOf(found)}, and the cluster has recorded generation ${counterOf(recorded)}. What the node ` +
      'acknowledged since then is not in it, so it counts as a lost disk. While the other nodes are a majority, it is moved aside and the node ' +
      'is rebuilt from them automatically; or put the latest file back.',
  );
}

/** @param key the id of the key. @param given the ids of those that were given. */
export function keyMissing(file: string, key: string, given: readonly string[]): StorageError {
  const found = given.length === 0 ? 'no keys were given' : `the keys that were given are ${given.join(', ')}`;
  return new StorageError(
    'STORAGE_KEY_MISSING',
    `${file} is encrypted with the key ${key}, and ${found}. Nothing was changed. Give a file that has this key too, by "encryption" or JOBRAFT_ENCRYPTION_KEYS. ` +
      'Where the key is lost, so is what the file holds: while the other nodes are a majority, move the file away, and the node is rebuilt from them.',
    { outcome: 'not-applied' },
  );
}
