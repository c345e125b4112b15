import { once } from 'node:events';
import { request } from 'node:http';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type HealthReply, MetricsServer } from '../../src/server/metrics-server.ts';
import { readinessOf } from '../../src/server/readiness.ts';
import { startNode } from '../../src/server/start-node.ts';
import { NodeTable } from '../node/node-table.ts';
import { freeAddress, Nodes } from './nodes.ts';

async function get(address: string, path: string, method = 'GET') {
  const call = request(`http://${address}${path}`, { method, agent: false });
  call.end();
  const [response] = await once(call, 'response');
  let text = '';
  for await (const part of response) text += part;
  return { status: response.statusCode as number, contentType: response.headers['content-type'] as string, text };
}

async function serve(health: HealthReply, scrape = () => Promise.resolve({ contentType: 'text/plain', text: 'up 1\n' })): Promise<string> {
  const address = await freeAddress();
  const server = await MetricsServer.listen(address, { scrape, health: () => health, readiness: () => Promise.resolve(health) });
  onTestFinished(() => server[Symbol.asyncDispose]());
  return address;
}

describe('the HTTP port of a node', () => {
  it('has three pages, and says so for any other', async () => {
    const address = await serve({ isOk: true, text: 'Node 1 runs.' });
    expect(await get(address, '/metrics')).toMatchObject({ status: 200, text: 'up 1\n' });
    expect(await get(address, '/healthz?verbose')).toMatchObject({ status: 200, text: 'Node 1 runs.\n' });
    expect(await get(address, '/readyz', 'HEAD')).toMatchObject({ status: 200, text: '' });
    expect(await get(address, '/')).toMatchObject({ status: 404, text: 'There are /metrics, /healthz and /readyz.\n' });
    expect(await get(address, '/metrics', 'POST')).toMatchObject({ status: 405 });
  });

  it('replies 503 with the reason, and 500 to a scrape that fails', async () => {
    const address = await serve({ isOk: false, text: 'Node 1 is not ready.' }, () => Promise.reject(new Error('no samples')));
    expect(await get(address, '/readyz')).toMatchObject({ status: 503, text: 'Node 1 is not ready.\n' });
    expect(await get(address, '/metrics')).toMatchObject({ status: 500, text: 'no samples\n' });
  });

  it('is rejected at an address in use, with the setting and the remedy', async () => {
    const address = await serve({ isOk: true, text: 'Node 1 runs.' });
    const options = {
      id: 1,
      cluster: 'm',
      nodes: [{ id: 1, address: await freeAddress() }],
      dataDir: join('never', 'made'),
      metrics: address,
    };
    await expect(startNode(options)).rejects.toThrow(/"metrics".*Another process listens there/);
  });

  it('closes connections beyond its bound, and goes on', async () => {
    const address = await serve({ isOk: true, text: 'Node 1 runs.' });
    const [host = '', port] = address.split(':');
    let closed = 0;
    const sockets = Array.from({ length: 150 }, () => connectTcp(Number(port), host).on('error', () => undefined));
    for (const socket of sockets) socket.once('close', () => (closed += 1));
    await expect.poll(() => closed, { timeout: 60_000 }).toBeGreaterThanOrEqual(50);
    for (const socket of sockets) socket.destroy();
    const statusNow = () =>
      get(address, '/healthz').then(
        ({ status }) => status,
        () => undefined,
      );
    await expect.poll(statusNow, { timeout: 60_000 }).toBe(200);
  });
});

describe('a node that is a process', () => {
  it('serves its own series, is ready, and closes the port with the node', async () => {
    const [nodes, metrics] = [await Nodes.start(0), await freeAddress()];
    const address = await freeAddress();
    const node = await startNode({ id: 1, cluster: 'm', nodes: [{ id: 1, address }], dataDir: join(nodes.folder, '1'), metrics });
    await expect.poll(() => get(metrics, '/readyz'), { timeout: 60_000 }).toMatchObject({ status: 200 });
    const { contentType, text } = await get(metrics, '/metrics');
    expect(contentType).toContain('text/plain; version=0.0.4');
    expect(text).toContain('jobraft_up{node="1"} 1\n');
    expect(text).toContain('jobraft_role{node="1",role="leader"} 1\n');
    expect(text).toMatch(/jobraft_fsync_duration_seconds_count\{node="1"\} [1-9]/);
    expect(text).toMatch(/jobraft_disk_free_bytes\{node="1"\} [1-9]/);
    expect(await node.metrics.register.metrics()).toContain('jobraft_up{node="1"} 1\n');
    await node.close();
    await expect(get(metrics, '/healthz')).rejects.toThrow('ECONNREFUSED');
  });

  it('is alive and not ready while it waits for the others to form the cluster', async () => {
    const [nodes, metrics] = [await Nodes.start(0), await freeAddress()];
    const addresses = [await freeAddress(), await freeAddress()];
    await using _node = await startNode({
      ...{ id: 1, cluster: 'm', dataDir: join(nodes.folder, '1'), metrics },
      nodes: addresses.map((address, at) => ({ id: at + 1, address })),
    });
    expect(await get(metrics, '/healthz')).toMatchObject({ status: 200, text: 'Node 1 waits for the others to form the cluster.\n' });
    expect(await get(metrics, '/readyz')).toMatchObject({ status: 503 });
    expect((await get(metrics, '/metrics')).text).toContain('jobraft_up{node="1"} 0\n');
  });
});

describe('the readiness of a node', () => {
  it('is that it applies what its leader had committed when it was asked', async () => {
    const table = new NodeTable([5, 5, 5]);
    const client = table.open();
    table.awaitEqual();
    const leader = table.leader();
    const follower = table.ids.find((id) => id !== leader) ?? 0;
    const { view, applied } = table.node(follower);
    expect(await readinessOf(follower, () => table.node(follower))).toMatchObject({ isOk: true });
    const behind = { view, applied: (applied - 1) as typeof applied };
    expect(await readinessOf(follower, () => behind, 20)).toEqual({
      ...{
        isOk: false,
        text: `Node ${follower} is not ready: it has applied entry ${applied - 1}, and its leader had committed ${applied}.`,
      },
    });
    // It catches up meanwhile.
    let looks = 0;
    const catchingUp = () => {
      looks += 1;
      return looks < 3 ? behind : table.node(follower);
    };
    expect(await readinessOf(follower, catchingUp, 60_000)).toMatchObject({ isOk: true });
    table.isolated.add(follower);
    table.add(client);
    table.pass(2_000);
    expect(await readinessOf(follower, () => table.node(follower))).toEqual({
      ...{ isOk: false, text: `Node ${follower} is not ready: it receives from no leader.` },
    });
    expect(await readinessOf(follower, () => undefined)).toMatchObject({ isOk: false });
  });
});
