import { readManifest } from '../cluster-manifest.ts';
import { nodesWithFile } from '../node-file.ts';

/**
 * The nodes of the cluster in a folder, or undefined where there is none. Opens no node's file: another process may have the cluster open.
 * @throws {StorageError} when the folder or its `cluster.json` cannot be read.
 */
export function nodesOfFolder(dataDir: string): readonly number[] | undefined {
  const stored = readManifest(dataDir);
  if (stored !== undefined) return stored.nodes;
  // A lost `cluster.json` is rebuilt from these files when the cluster is opened.
  const nodes = nodesWithFile(dataDir);
  return nodes.length === 0 ? undefined : nodes;
}
