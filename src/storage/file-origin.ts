import { type Generation, isAccepted, openedGeneration } from '../base/generation.ts';
import { rolledBack, StorageError } from './errors.ts';
import { type ClusterOrigin, type FileIdentity, type FileOrigin, NO_ORIGIN } from './row-codec.ts';

/** What the one who opens a file knows of it. */
export interface FileClaims {
  /** The cluster that the file has to belong to; a file that has no cluster yet is given it. Default: any. */
  readonly origin?: ClusterOrigin;
  /**
   * The random number of the life that begins with this opening, which raises the file's generation; see `lifeOf`. Without it the file
   * shows no generation: a power cut may then take back what it was opened for.
   */
  readonly life?: number;
  /** Disks of this node, each with the latest generation that the cluster's owner saw of it. */
  readonly recorded?: readonly { readonly disk: number; readonly generation: Generation }[];
}

/**
 * A file that is not what its place says must not be served, nor changed.
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

/** What the file is from this opening on. */
export function openedOrigin({ origin }: FileIdentity, { origin: expected = NO_ORIGIN, life }: FileClaims): FileOrigin {
  const { cluster, founders } = origin.cluster === 0 ? expected : origin;
  return { cluster, founders, generation: life === undefined ? origin.generation : openedGeneration(origin.generation, life) };
}
