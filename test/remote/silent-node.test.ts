import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { connect } from '../../src/remote/connect.ts';
import { anAuthority, clientOwner, issue } from '../security/certificates.ts';

it('a connection leaves no handshake behind at a node that accepts it and says nothing, as one that is stopped', async () => {
  const tls = await issue(await anAuthority(), { owner: clientOwner('web') });
  const accepted: Socket[] = [];
  const server = createServer((socket) => accepted.push(socket.on('error', () => undefined).resume())).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const address = server.address();
  const endpoint = `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  await expect(connect({ endpoints: [endpoint], tls, timeoutMs: 300 })).rejects.toMatchObject({ code: 'ENDPOINTS_UNREACHABLE' });
  expect(accepted.length).toBeGreaterThan(0);
  // Without a bound, and without an end with the client, these stay open for ever.
  for (const socket of accepted) if (!socket.closed) await once(socket, 'close');
});
