import { once } from 'node:events';
import { createServer } from 'node:net';

/** @returns `host:port` of the loopback interface at which nothing listens. All are held until all are known, so they differ. */
export async function freeAddresses(count: number): Promise<readonly string[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const addresses = servers.map((server) => {
    const bound = server.address();
    return `127.0.0.1:${typeof bound === 'object' && bound !== null ? bound.port : 0}`;
  });
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return addresses;
}
