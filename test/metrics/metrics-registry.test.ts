import { register as globalRegistry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { openMetricsRegistry } from '../../src/metrics/metrics-registry.ts';
import type { NodeReading } from '../../src/metrics/node-sample.ts';
import { SERIES, UP } from '../../src/metrics/series.ts';
import { aReading, sampleOf, withOneJob } from './a-sample.ts';

const scrape = async (readings: readonly NodeReading[]): Promise<string[]> => {
  const text = await openMetricsRegistry(() => Promise.resolve(readings)).metrics();
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
};

describe('the series', () => {
  it('are named as Prometheus advises: base units, and _total for what only grows', () => {
    const names = [UP.name, ...SERIES.map(({ name }) => name)];
    expect(new Set(names).size).toBe(names.length);
    for (const { name, help, type } of SERIES) {
      expect(name).toMatch(/^jobraft_[a-z_]+$/);
      expect(name.endsWith('_total'), name).toBe(type === 'counter');
      expect(name, 'base units').not.toMatch(/_(ms|millis|kb|mb|percent)(_|$)/);
      expect(help, name).toMatch(/\.$/);
    }
  });
});

describe('a scrape', () => {
  it('has every node that replies, and of the others only that they are down', async () => {
    const table = withOneJob();
    const [first, second] = [...table.ids].filter((id) => id !== table.leader());
    const readings = table.ids.map((node) => (node === first ? { node } : { node, sample: sampleOf(table, node) }));
    const lines = await scrape(readings);
    expect(lines.filter((line) => line.startsWith('jobraft_up')).sort()).toEqual(
      table.ids.map((node) => `jobraft_up{node="${node}"} ${node === first ? 0 : 1}`),
    );
    expect(lines.filter((line) => line.includes(`node="${first}"`))).toEqual([`jobraft_up{node="${first}"} 0`]);
    expect(lines).toContain(`jobraft_ready{node="${second}"} 1`);
  });

  it('has the jobs once, of the leader', async () => {
    const table = withOneJob();
    const lines = await scrape(aReading(table));
    const ofJobs = lines.filter((line) => line.startsWith('jobraft_queue_jobs{') && line.includes('state="waiting"'));
    expect(ofJobs).toEqual([`jobraft_queue_jobs{node="${table.leader()}",queue="q",state="waiting"} 1`]);
    expect(lines.filter((line) => line.startsWith('jobraft_jobs_added_total'))).toEqual([
      `jobraft_jobs_added_total{node="${table.leader()}"} 1`,
    ]);
  });

  it('has histograms in seconds, each bucket with what is in those before', async () => {
    const lines = await scrape(aReading());
    expect(lines.filter((line) => line.startsWith('jobraft_fsync_duration_seconds') && line.includes('node="1"'))).toEqual([
      'jobraft_fsync_duration_seconds_bucket{node="1",le="0.001"} 3',
      'jobraft_fsync_duration_seconds_bucket{node="1",le="0.01"} 5',
      'jobraft_fsync_duration_seconds_bucket{node="1",le="+Inf"} 6',
      'jobraft_fsync_duration_seconds_sum{node="1"} 0.04',
      'jobraft_fsync_duration_seconds_count{node="1"} 6',
    ]);
  });

  it('adds a queue that is named "other" to the others, so that no series is there twice', async () => {
    const table = withOneJob();
    const leader = table.leader();
    const sample = sampleOf(table, leader);
    const counts = { delayed: 0, waiting: 3, active: 0, completed: 0, failed: 0, 'waiting-children': 0, oldestWaitingMs: 2_000 };
    const jobs = { ...sample.jobs, shown: [{ name: 'other', isPaused: false, ...counts }], others: { ...counts, oldestWaitingMs: 7_000 } };
    const lines = await scrape([{ node: leader, sample: { ...sample, jobs } }]);
    expect(lines.filter((line) => line.includes('state="waiting"'))).toEqual([
      `jobraft_queue_jobs{node="${leader}",queue="other",state="waiting"} 6`,
    ]);
    expect(lines).toContain(`jobraft_queue_oldest_waiting_seconds{node="${leader}",queue="other"} 7`);
  });

  it('names the peers that a leader had no message of', async () => {
    const table = withOneJob();
    const sample = sampleOf(table, table.leader());
    const lines = await scrape([{ node: table.leader(), sample: { ...sample, unreachable: [2, 3] } }]);
    expect(lines).toContain(`jobraft_unreachable_peers{node="${table.leader()}"} 2`);
  });

  it('reads the nodes once, also for scrapes at the same time, and again for the next one', async () => {
    let reads = 0;
    const registry = openMetricsRegistry(() => {
      reads += 1;
      return Promise.resolve([{ node: 1 }]);
    });
    await Promise.all([registry.metrics(), registry.metrics(), registry.getMetricsAsJSON()]);
    expect(reads).toBe(1);
    await registry.metrics();
    expect(reads).toBe(2);
  });

  it('is of its own cluster alone: neither another registry nor the global one of the process has it', async () => {
    const one = openMetricsRegistry(() => Promise.resolve([{ node: 1 }]));
    const other = openMetricsRegistry(() => Promise.resolve([{ node: 2 }]));
    expect(await one.metrics()).toContain('jobraft_up{node="1"} 0');
    expect(await other.metrics()).not.toContain('node="1"');
    expect(await globalRegistry.metrics()).not.toContain('jobraft_');
  });
});
