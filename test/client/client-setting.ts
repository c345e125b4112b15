import { afterEach } from 'vitest';
import { Client } from '../../src/client/api/client.ts';
import { Queue } from '../../src/client/api/queue.ts';
import type { ClientOptions } from '../../src/client/client-options.ts';
import { FakeCluster } from './fake-cluster.ts';

const opened: { readonly cluster: FakeCluster; readonly client: Client }[] = [];

/** A cluster, a client and a queue of numbers; closed after the test. */
export function aClient(nodes: readonly number[] = [1], options: ClientOptions = {}) {
  const cluster = new FakeCluster(nodes);
  const client = new Client(cluster, options);
  opened.push({ cluster, client });
  return { cluster, client, queue: new Queue<number>('numbers', { connection: client }) };
}

/** For every test file that uses {@link aClient}. */
export function closeClientsAfterEach(): void {
  afterEach(async () => {
    for (const { cluster, client } of opened.splice(0)) {
      cluster.resume();
      await client.close();
      cluster.close();
    }
  });
}
