import { ConfigError } from '../../base/errors.ts';
import { clusterListeners } from '../cluster-listeners.ts';
import { type ClusterOptions, clusterSettings, withAbsolutePaths } from '../cluster-options.ts';
import { checkNotServed } from '../node-file.ts';
import { SharedCluster } from './shared-cluster.ts';

/** Options of `openCluster`: those of `startCluster` for a cluster on a folder. */
export type SharedClusterOptions = Omit<ClusterOptions, 'dataDir' | 'storage' | 'absent'> & {
  /** Folder of the nodes' files: processes with the same folder share one cluster. */
  readonly dataDir: string;
};

/**
 * Opens the cluster of a folder, which any number of processes of this machine may do at the same time. The first one hosts the nodes in threads
 * of its own; the others connect to them by Unix sockets, which only processes of the same user can. When the hosting process ends or is killed,
 * another one takes over, from the same files: nothing that was acknowledged is lost, and calls in progress get their true outcome.
 *
 * `nodes` and `durability` must be the same in all processes. The other settings are those of the process that hosts the nodes: give all
 * processes the same.
 * @throws {ConfigError} for invalid options. @throws {HandshakeError} for settings that differ from those of the other processes.
 * @throws {StorageError} when the folder cannot be used, and as `startCluster` where this process hosts the nodes: STORAGE_IN_USE while a process
 * has the folder by `startCluster`. @throws {HostSilentError} when the hosting process is stopped. @throws {HostLostError} when another process
 * does not start the nodes in time. All of them have the outcome `not-applied`.
 */
export async function openCluster(options: SharedClusterOptions): Promise<SharedCluster> {
  const given = options as ClusterOptions;
  if (given?.storage === 'memory')
    throw new ConfigError(
      'storage',
      given.storage,
      'Processes share a folder: name one as "dataDir", or use startCluster() in one process.',
    );
  const settings = withAbsolutePaths(clusterSettings(options));
  const { dataDir } = settings;
  if (dataDir === undefined)
    throw new ConfigError('dataDir', undefined, "Name the folder that the processes share: { dataDir: './data' }.");
  // Before anything is written there.
  checkNotServed(dataDir);
  const cluster = new SharedCluster({ ...settings, dataDir }, clusterListeners(options));
  try {
    await cluster.start();
  } catch (error) {
    await cluster.close();
    throw error;
  }
  return cluster;
}
