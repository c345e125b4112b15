import { isEndpoint } from '../client-options.ts';
import type { ClusterEndpoint } from '../endpoint.ts';
import { aValue } from '../option-check.ts';
import { Client } from './client.ts';

export const CONNECTION_REMEDY =
  'Give what openCluster() or startCluster() returned, or a Client, as "connection": { connection: cluster }.';

export const aConnection = aValue<ClusterEndpoint | Client>((value) => value instanceof Client || isEndpoint(value), CONNECTION_REMEDY);

interface ClientOfEndpoint {
  readonly client: Client;
  users: number;
}

/** Queues and workers with the same endpoint share one client, closed with the last of them. */
const sharedClients = new WeakMap<ClusterEndpoint, ClientOfEndpoint>();

/** A client in use; `release` returns it, once. */
export interface SharedClient {
  readonly client: Client;
  release(): Promise<void>;
}

/** A client that was passed in belongs to the caller and is not closed here. */
export function acquireClient(connection: ClusterEndpoint | Client): SharedClient {
  if (connection instanceof Client) return { client: connection, release: async () => {} };
  const shared = sharedClients.get(connection) ?? { client: new Client(connection), users: 0 };
  sharedClients.set(connection, shared);
  shared.users += 1;
  let isReleased = false;
  return {
    client: shared.client,
    release: async () => {
      if (isReleased) return;
      isReleased = true;
      shared.users -= 1;
      if (shared.users > 0) return;
      sharedClients.delete(connection);
      await shared.client.close();
    },
  };
}
