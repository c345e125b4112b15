import { type ConnectOptions, connectSettings } from './connect-options.ts';
import { RemoteCluster } from './remote-cluster.ts';

/**
 * Connects to a cluster whose nodes are processes. One node that replies is enough: the others are learned from it. Calls follow the leader, and
 * are repeated at the next one when it fails, as with a cluster in this process.
 * @returns the connection of queues and workers.
 * @throws {ConfigError} for invalid options. @throws {EndpointsUnreachableError} when no node replies in time.
 * @throws {AccessDeniedError} when the nodes reject the certificate or the token, or want one.
 * @throws {HandshakeError} when the endpoints belong to another cluster, or to several.
 */
export async function connect(options: ConnectOptions): Promise<RemoteCluster> {
  const settings = connectSettings(options);
  const cluster = new RemoteCluster(settings);
  try {
    await cluster.start();
  } catch (error) {
    await cluster.close();
    throw error;
  }
  return cluster;
}
