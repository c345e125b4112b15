// The least that a server does for its clients: node bare-server.js <BareServerTask as JSON>.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import type { BareServerTask } from './crowd-task.ts';

/** As many calls of one connection at once as a node permits. */
const STREAMS_MAX = 100;
const UNAUTHENTICATED = 16;
/** As a node does, so that a client that says nothing is not kept for ever. */
const SILENT_MS_MAX = 5_000;

// The only cast: the parent writes this argument.
const { address, tls } = JSON.parse(process.argv[2] ?? '') as BareServerTask;
const server = createSecureServer({
  ca: readFileSync(tls.ca),
  cert: readFileSync(tls.certificate),
  key: readFileSync(tls.key),
  requestCert: true,
  rejectUnauthorized: false,
  handshakeTimeout: SILENT_MS_MAX,
  settings: { maxConcurrentStreams: STREAMS_MAX },
});
// What a client does wrong ends its connection, and nothing else.
for (const event of ['error', 'sessionError', 'tlsClientError']) server.on(event, () => undefined);
server.on('session', (session) => session.setTimeout(SILENT_MS_MAX, () => session.destroy()));
server.on('stream', (stream) => {
  stream.on('error', () => undefined).resume();
  stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': String(UNAUTHENTICATED) }, { endStream: true });
});
const [host = '', port = ''] = address.split(':');
server.listen(Number(port), host);
await once(server, 'listening');
process.on('disconnect', () => process.exit());
process.send?.({ type: 'ready', wallMs: Date.now() });
