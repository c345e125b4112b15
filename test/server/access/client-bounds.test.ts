import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { until } from '../../../eval/soak/until.ts';
import { Queue } from '../../../src/client/api/queue.ts';
import { OneNode } from './one-node.ts';

const PATIENT_MS = 60_000;

/** A connection of the client, which says nothing. */
async function anIdleConnection({ address, tls }: OneNode): Promise<TLSSocket> {
  const [host, port] = address.split(':');
  const [ca, cert, key] = [tls.ca, tls.certificate, tls.key].map((path) => readFileSync(path));
  const socket = connectTls({ host: host ?? '', port: Number(port), ca, cert, key, ALPNProtocols: ['h2'] }).on('error', () => undefined);
  onTestFinished(() => void socket.destroy());
  await Promise.race([once(socket, 'secureConnect'), once(socket, 'close')]);
  return socket.resume();
}

describe('a client that is at its bound', () => {
  it('of requests receives a time after which it may repeat them, and jobraft’s own client loses nothing', async () => {
    const one = await OneNode.start({ clientRequestsPerSecondMax: 10 });
    const call = one.caller(one.token({ name: 'bulk', roles: ['producer'] }));
    // What it may ask for in 200 seconds.
    const bulk = { queue: 'mails', jobs: Array.from({ length: 2_000 }, () => ({ name: 'welcome' })) };
    expect(await call('AddBulk', bulk)).toMatchObject({ ids: expect.objectContaining({ length: 2_000 }) });
    expect(await call('Add', { queue: 'mails', name: 'late' })).toMatchObject({
      ...{
        failed: ['RESOURCE_EXHAUSTED', 'OVERLOADED', 'not-applied'],
        details: expect.stringMatching(/Repeat the call after [1-9]\d* ms/),
      },
    });
    expect(await one.node.metrics.register.metrics()).toMatch(/jobraft_client_rejections_total\{node="1",bound="requests"\} 1/);
    await using cluster = await one.connect(one.token({ name: 'web', roles: ['producer'] }));
    await using queue = new Queue('mails', { connection: cluster });
    const added = await Promise.all(Array.from({ length: 20 }, (_, at) => queue.add('welcome', at)));
    expect(added).toHaveLength(20);
    // It waits for a second, unless the adds took longer.
    expect(await queue.getJobCounts()).toMatchObject({ waiting: 2_020 });
  });

  it('of calls has no more of them, and one of connections loses those beyond it', async () => {
    const one = await OneNode.start({ clientCallsMax: 1, clientConnectionsMax: 3 });
    const call = one.caller(one.token({ name: 'web', roles: ['worker'] }));
    const waiting = call('Claim', { queue: 'mails', wait_ms: 2_000 });
    await until('a second call is rejected', PATIENT_MS, async () => {
      const result = await call('GetStatus');
      if (!('failed' in result)) return false;
      expect(result).toMatchObject({ failed: ['RESOURCE_EXHAUSTED', 'OVERLOADED', 'not-applied'] });
      return true;
    });
    expect(await waiting).toEqual({ jobs: [] });
    expect(await call('GetStatus')).toMatchObject({ node: 1 });
    const sockets: TLSSocket[] = [];
    await until('one is closed', PATIENT_MS, async () => {
      sockets.push(await anIdleConnection(one));
      return sockets.some(({ closed }) => closed);
    });
    expect(sockets.filter(({ closed }) => !closed).length).toBeLessThanOrEqual(3);
    // Other clients are served meanwhile; the same one is once a connection of its own has ended.
    for (const socket of sockets) socket.destroy();
    await until('it is served', PATIENT_MS, async () => 'node' in (await call('GetStatus')));
  });
});
