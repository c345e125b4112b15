import { type Generation, isAccepted, openedGeneration } from '../base/generation.ts';
import { rolledBack, StorageError } from './errors.ts';
import { type ClusterOrigin, type FileIdentity, type FileOrigin, NO_ORIGIN } from './row-codec.ts';

/** Expected properties of a file that is being opened. */
export interface FileClaims {
  /** The cluster that the file must belong to; a file without a cluster is assigned this one. Default: any. */
  readonly origin?: ClusterOrigin;
  /**
   * The random number for this opening, which raises the file's generation; see `lifeOf`. Without it the file has no generation: a power
   * cut may then undo the opening.
   */
  readonly life?: number;
  /** Disks of this node, each with the latest generation that the cluster's owner has recorded. */
  readonly recorded?: readonly { readonly disk: number; readonly generation: Generation }[];
}

/**
 * Checks that a file is the expected one; another one must be neither served nor changed.
 * @throws {StorageError} STORAGE_FOREIGN for a file of another cluster, STORAGE_ROLLED_BACK for one that was restored from an older copy.
 */
export function checkClaims(
  file: string,
  { disk, origin }: FileIdentity,
  { origin: expected = NO_ORIGIN, life, recorded = [] }: FileClaims,
): void {
  if (origin.cluster !== 0 && expected.cluster !== 0 && origin.cluster !== expected.cluster) {
    throw new StorageError(
      'STORAGE_FOREIGN',
      `${file} belongs to another cluster (its id is ${origin.cluster}, that of this data folder is ${expected.cluster}). Nothing was changed. Put ` +
        "the node's own folder back; or move this one away, and the node is rebuilt from the others, like one that lost its disk.",
    );
  }
  if (life === undefined) return;
  const shown = openedGeneration(origin.generation, life);
  const ahead = recorded.find((known) => known.disk === disk && !isAccepted(known.generation, shown));
  if (ahead !== undefined) throw rolledBack(file, origin.generation, ahead.generation);
}

/** The file's origin from this opening on. */
export function openedOrigin({ origin }: FileIdentity, { origin: expected = NO_ORIGIN, life }: FileClaims): FileOrigin {
  const { cluster, founders } = origin.cluster === 0 ? expected : origin;
  return { cluster, founders, generation: life === undefined ? origin.generation : openedGeneration(origin.generation, life) };
}
