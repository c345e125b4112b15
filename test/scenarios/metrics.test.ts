import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openCluster, Queue, Worker } from 'jobraft';
import { connect } from 'jobraft/remote';
import { faultsOf } from 'jobraft/testing';
import { describe, expect, it } from 'vitest';
import { makeCertificates } from '../../eval/processes/certificates.ts';
import { freeAddresses } from '../../eval/processes/free-addresses.ts';
import { scrapedSeries, shownSeries } from '../metrics/shown-series.ts';
import { NodeProcess } from './node-process.ts';
import { aCluster, aFolder, eventually, others, settledLeader } from './support.ts';

/** What a cluster of one node does not have. */
const OF_PEERS = ['jobraft_peer_lag_entries', 'jobraft_peer_silence_seconds'];

/** What a node without a certificate does not have. */
const OF_CERTIFICATES = ['jobraft_certificate_expiry_timestamp_seconds'];

const valueIn = (text: string, series: string): number | undefined => {
  const line = text.split('\n').find((one) => one.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
};

describe('the metrics of a cluster of three', () => {
  it('have each series that the dashboard and the alerts use, and the true number of jobs', async () => {
    await using scene = await aCluster();
    const { cluster, queue, client } = scene;
    for (let n = 0; n < 5; n += 1) await queue.add('job', { n }, { removeOnComplete: false });
    await queue.add('later', {}, { delay: 3_600_000 });
    await using worker = new Worker('work', async () => undefined, { connection: client });
    await eventually('the jobs are done', async () => (await queue.getJobCounts()).completed === 5);
    await worker.close();
    const leader = await settledLeader(cluster);
    const text = await eventually('a node shows all jobs as completed', async () => {
      const scrape = await cluster.metrics.register.metrics();
      return valueIn(scrape, `jobraft_jobs_completed_total{node="${leader}"}`) === 5 && scrape;
    });
    expect(shownSeries().filter((name) => !scrapedSeries(text).has(name))).toEqual(OF_CERTIFICATES);
    for (const node of cluster.nodeIds()) expect(valueIn(text, `jobraft_up{node="${node}"}`)).toBe(1);
    expect(valueIn(text, `jobraft_queue_jobs{node="${leader}",queue="work",state="delayed"}`)).toBe(1);
    expect(valueIn(text, `jobraft_queue_jobs{node="${leader}",queue="work",state="completed"}`)).toBe(5);
    expect(valueIn(text, `jobraft_operations_total{node="${leader}",command="add",result="done"}`)).toBe(6);
    expect(valueIn(text, `jobraft_fsync_duration_seconds_count{node="${leader}"}`)).toBeGreaterThan(5);
    expect(valueIn(text, `jobraft_commit_duration_seconds_count{node="${leader}"}`)).toBeGreaterThan(5);
    // A node that does not run is down, and the scrape has the others.
    const [dead = 0] = others(cluster, leader);
    await faultsOf(cluster).kill(dead);
    const after = await cluster.metrics.register.metrics();
    expect(after.split('\n').filter((line) => line.includes(`{node="${dead}"`))).toEqual([`jobraft_up{node="${dead}"} 0`]);
    expect(valueIn(after, `jobraft_role{node="${leader}",role="leader"}`)).toBe(1);
  });

  it('are those of the host in every process that shares the cluster, and of no node once it is closed', async () => {
    using folder = aFolder();
    const cluster = await openCluster({ nodes: 3, dataDir: folder.path });
    const { register } = cluster.metrics;
    await using queue = new Queue('work', { connection: cluster });
    await queue.add('job', {});
    const text = await eventually('all nodes are up', async () => {
      const scrape = await register.metrics();
      return [1, 2, 3].every((node) => valueIn(scrape, `jobraft_up{node="${node}"}`) === 1) && scrape;
    });
    expect(text).toMatch(/^jobraft_queue_jobs\{node="\d",queue="work",state="waiting"\} 1$/m);
    await queue.close();
    await cluster.close();
    expect(scrapedSeries(await register.metrics()).size).toBe(0);
  });
});

describe('the metrics of a node that is a process', () => {
  it('are served where --metrics says, with each series that the dashboard and the alerts use', async () => {
    using folder = aFolder();
    const [address, metrics] = await freeAddresses(2);
    const { client: tls, ofNode } = await makeCertificates(join(folder.path, 'certificates'), [1]);
    const { ca, certificate, key } = ofNode(1);
    const environment = {
      ...{ JOBRAFT_DATA_DIR: join(folder.path, 'node-1'), JOBRAFT_NODES: `1=${address}` },
      ...{ JOBRAFT_TLS_CA: ca, JOBRAFT_TLS_CERTIFICATE: certificate, JOBRAFT_TLS_KEY: key },
    };
    await using node = new NodeProcess(1, environment, undefined, ['serve', '--metrics', `${metrics}`]);
    await node.printed('runs at');
    await eventually('the node is ready', async () => (await fetch(`http://${metrics}/readyz`)).status === 200);
    await using cluster = await connect({ endpoints: [`${address}`], tls });
    await using queue = new Queue('work', { connection: cluster });
    await queue.add('job', {});
    const response = await fetch(`http://${metrics}/metrics`);
    expect(response.headers.get('content-type')).toContain('version=0.0.4');
    const text = await response.text();
    expect(shownSeries().filter((name) => !scrapedSeries(text).has(name))).toEqual(OF_PEERS.filter((name) => shownSeries().includes(name)));
    expect(valueIn(text, 'jobraft_queue_jobs{node="1",queue="work",state="waiting"}')).toBe(1);
    const expiresMs = new X509Certificate(readFileSync(certificate)).validToDate.getTime();
    expect(valueIn(text, 'jobraft_certificate_expiry_timestamp_seconds{node="1"}')).toBe(expiresMs / 1_000);
    expect(await (await fetch(`http://${metrics}/healthz`)).text()).toBe('Node 1 runs.\n');
    expect(await node.end('SIGTERM')).toBe(0);
  });
});
