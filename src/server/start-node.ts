import { parseSettings } from '../cluster/cluster-arguments.ts';
import { type NodeOptions, nodeConfigOf, nodeSchema } from '../config/node-config.ts';
import { type NodeListeners, nodeListeners } from './node-listeners.ts';
import { ServedNode } from './served-node.ts';

/**
 * Runs one node of a cluster in this process: it listens at its address in `nodes`, for the other nodes and for clients (`connect`). A new cluster
 * is formed once all its nodes run; from then on a majority is enough.
 * @returns the node, which listens already; `onFormed` is called when it takes part in the cluster.
 * @throws {ConfigError} for invalid options, and for an address that is in use. @throws {LogFileError}
 * @throws {StorageError} when the folder cannot be used: STORAGE_IN_USE, STORAGE_FOREIGN (of another node or cluster), STORAGE_DAMAGED.
 */
export async function startNode(options: NodeOptions, listeners: NodeListeners = {}): Promise<ServedNode> {
  return await ServedNode.start(nodeConfigOf(parseSettings(nodeSchema, options, 'options')), nodeListeners(listeners));
}
