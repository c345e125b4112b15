import { SpanKind, trace } from '@opentelemetry/api';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Queue, Worker } from '../../src/index.ts';
import { connect } from '../../src/remote/connect.ts';
import { startTestCluster, type TestCluster } from '../../src/testing/index.ts';
import { startSpan } from '../../src/tracing/span.ts';
import { Nodes } from '../server/nodes.ts';
import { type RecordedSpan, recordSpans } from './recorded-spans.ts';

async function aCluster(): Promise<TestCluster> {
  const cluster = await startTestCluster();
  onTestFinished(() => cluster.close());
  return cluster;
}

const named = (spans: readonly RecordedSpan[], name: string): RecordedSpan[] => spans.filter((span) => span.name === name);
const MESSAGING = { 'messaging.system': 'jobraft', 'messaging.destination.name': 'emails' };

describe('the spans of a job', () => {
  it('are its add, the claim, the processor and the report of its outcome, each ended once', async () => {
    const spans = recordSpans();
    const cluster = await aCluster();
    const queue = new Queue('emails', { connection: cluster });
    const worker = new Worker(
      'emails',
      ({ name }) => {
        trace.getTracer('application').startSpan('render').end();
        if (name === 'bad') throw new Error('no host');
        return undefined;
      },
      { connection: cluster },
    );
    const good = await queue.add('good', {});
    const [bad] = await queue.addBulk([{ name: 'bad', data: {} }]);
    await cluster.drain();
    await worker.close();
    const [add, bulk] = named(spans, 'add emails');
    expect(add).toMatchObject({
      ...{ kind: SpanKind.PRODUCER, parent: undefined, error: undefined },
      attributes: { ...MESSAGING, 'messaging.operation.name': 'add', 'messaging.operation.type': 'send', 'messaging.message.id': good.id },
    });
    expect(bulk?.attributes).toMatchObject({ ...MESSAGING, 'messaging.batch.message_count': 1 });
    const claims = named(spans, 'claim emails');
    const claimed = claims.map(({ attributes }) => Number(attributes['messaging.batch.message_count'] ?? 0));
    expect(claimed.reduce((sum, count) => sum + count, 0)).toBe(2);
    const [first, second] = named(spans, 'process emails');
    expect(first).toMatchObject({ kind: SpanKind.CONSUMER, parent: undefined, error: undefined });
    expect(first?.attributes['messaging.message.id']).toBe(good.id);
    expect(second).toMatchObject({ error: 'no host', attributes: { 'messaging.message.id': bad?.id, 'error.type': 'Error' } });
    expect(named(spans, 'complete emails')).toMatchObject([
      { parent: 'process emails', error: undefined, attributes: { 'messaging.operation.type': 'settle', 'messaging.message.id': good.id } },
    ]);
    expect(named(spans, 'fail emails')).toMatchObject([{ parent: 'process emails', attributes: { 'messaging.message.id': bad?.id } }]);
    // What the processor traces belongs to its span.
    expect(named(spans, 'render').map(({ parent }) => parent)).toEqual(['process emails', 'process emails']);
    expect(spans.filter(({ ends }) => ends !== 1)).toEqual([]);
  });

  it('show an add that is rejected, with its code, and the caller gets the same error', async () => {
    const spans = recordSpans();
    const queue = new Queue('emails', { connection: await aCluster() });
    await expect(queue.add('name', 1n as never)).rejects.toMatchObject({ code: 'INVALID_PAYLOAD' });
    expect(named(spans, 'add emails')).toMatchObject([{ ends: 1, attributes: { 'error.type': 'INVALID_PAYLOAD' } }]);
  });

  it('name a job by the id that its client chose', async () => {
    const spans = recordSpans();
    const cluster = await aCluster();
    const queue = new Queue('emails', { connection: cluster });
    const worker = new Worker('emails', () => undefined, { connection: cluster });
    await queue.add('good', {}, { jobId: 'order-17' });
    await cluster.drain();
    await worker.close();
    const ids = ['add', 'process', 'complete']
      .flatMap((name) => named(spans, `${name} emails`))
      .map(({ attributes }) => attributes['messaging.message.id']);
    expect(ids).toEqual(['order-17', 'order-17', 'order-17']);
  });

  it('have none of its data', async () => {
    const spans = recordSpans();
    const cluster = await aCluster();
    const queue = new Queue('emails', { connection: cluster });
    const worker = new Worker('emails', () => 'secret result', { connection: cluster });
    await queue.add('secret name', { secret: 'data' });
    await cluster.drain();
    await worker.close();
    expect(named(spans, 'complete emails')).toHaveLength(1);
    expect(JSON.stringify(spans)).not.toContain('secret');
  });
});

describe('the span of an entry', () => {
  it('runs from its proposal to its commit at the leader, in a trace of its own', async () => {
    const spans = recordSpans();
    const nodes = await Nodes.start(1);
    const beganMs = Date.now();
    await using cluster = await connect({ endpoints: nodes.endpoints });
    await using queue = new Queue('emails', { connection: cluster });
    await queue.add('name', {});
    await expect.poll(() => named(spans, 'replicate').length, { timeout: 60_000 }).toBeGreaterThan(0);
    for (const { parent, attributes, startTime, endTime, ends } of named(spans, 'replicate')) {
      expect({ parent, node: attributes['jobraft.node'], ends }).toEqual({ parent: undefined, node: 1, ends: 1 });
      expect(attributes['jobraft.entry.index']).toBeGreaterThan(0);
      expect(Number(endTime)).toBeGreaterThanOrEqual(Number(startTime));
      // Both are times of day.
      expect(Math.abs(Number(startTime) - beganMs)).toBeLessThan(3_600_000);
    }
  });
});

describe('without a registered tracer', () => {
  it('there is no span, as after the tracer was taken away', () => {
    const spans = recordSpans();
    expect(startSpan('add', 'emails')).toBeDefined();
    trace.disable();
    expect(startSpan('add', 'emails')).toBeUndefined();
    expect(spans).toHaveLength(1);
  });
});
