import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { until } from '../../../eval/soak/until.ts';
import { Queue } from '../../../src/client/api/queue.ts';
import { Worker } from '../../../src/client/worker/worker.ts';
import { OneNode } from './one-node.ts';

const PATIENT_MS = 60_000;
const denied = (status: string, details: string) => ({
  ...{ failed: [status, 'ACCESS_DENIED', 'not-applied'], details: expect.stringContaining(details) },
});

describe('a node with tokens', () => {
  it('rejects calls without a token, with a wrong, an expired and a revoked one, and those that it does not permit', async () => {
    const one = await OneNode.start();
    const call = one.caller(one.token({ name: 'mailer', roles: ['producer', 'worker'], queues: ['mails'] }));
    expect(await one.caller()('GetStatus')).toMatchObject(denied('UNAUTHENTICATED', 'The call has no token. Give a token that'));
    expect(await one.caller(`jobraft_${'x'.repeat(43)}`)('GetStatus')).toMatchObject(denied('UNAUTHENTICATED', 'No token has this secret'));
    const expired = one.token({ name: 'old', roles: ['operator'], expiresMs: Date.now() - 1 });
    expect(await one.caller(expired)('GetStatus')).toMatchObject(denied('UNAUTHENTICATED', 'The token "old" expired at'));
    expect(await call('GetStatus')).toMatchObject({ node: 1 });
    const { id } = (await call('Add', { queue: 'mails', name: 'welcome' })) as { id: string };
    expect(await call('Add', { queue: 'invoices', name: 'x' })).toMatchObject(denied('PERMISSION_DENIED', 'the queue "invoices"'));
    expect(await call('Remove', { queue: 'mails', id })).toMatchObject(denied('PERMISSION_DENIED', 'does not permit Remove'));
    expect(await call('RemoveMember', { node: 1 })).toMatchObject(denied('PERMISSION_DENIED', 'Use a token with the role operator'));
    expect(await call('ListQueues')).toMatchObject(denied('PERMISSION_DENIED', 'ListQueues reaches all'));
    const named = { command: 'pause', queue: 'mails', fields_json: '{"isPaused":true}' };
    expect(await call('ClientRequest', named)).toMatchObject(denied('PERMISSION_DENIED', 'does not permit pause'));
    const { jobs } = (await call('Claim', { queue: 'mails' })) as { jobs: readonly { id: string; token: number }[] };
    expect(await call('Complete', { queue: 'mails', ...jobs[0] })).toEqual({});
    // A job of another queue, under the name of its own.
    const other = one.caller(one.token({ name: 'other', roles: ['producer', 'worker'], queues: ['invoices'] }));
    const added = (await other('Add', { queue: 'invoices', name: 'x' })) as { id: string };
    expect(await call('Complete', { queue: 'mails', id: added.id, token: 2 })).toMatchObject(denied('PERMISSION_DENIED', '"invoices"'));
    const ofMails = { add: { queue: 'mails', name: 'x' } };
    const transact = (operation: object) => call('Transact', { operations: [ofMails, operation] });
    expect(await transact({ add: { queue: 'mails', name: 'y' } })).toMatchObject({ results: [{}, {}] });
    expect(await transact({ add: { queue: 'invoices', name: 'y' } })).toMatchObject(denied('PERMISSION_DENIED', 'the queue "invoices"'));
    expect(await transact({ remove: { queue: 'mails', id } })).toMatchObject(denied('PERMISSION_DENIED', 'does not permit Remove'));
    expect(await transact({ release: { queue: 'mails', id: added.id, token: 2 } })).toMatchObject(
      denied('PERMISSION_DENIED', '"invoices"'),
    );
    expect(await transact({})).toMatchObject(denied('PERMISSION_DENIED', ''));
    one.revoke('mailer');
    expect(await call('GetStatus')).toMatchObject(denied('UNAUTHENTICATED', 'it was revoked'));
  });

  it('ends a call in progress of a token that is revoked, and the job that it waits for is not lost', async () => {
    const one = await OneNode.start();
    const secret = one.token({ name: 'worker', roles: ['worker'] });
    const waiting = one.caller(secret)('Claim', { queue: 'mails', wait_ms: 50_000 });
    const operator = one.caller(one.token({ name: 'ada', roles: ['operator'] }));
    await until('the claim waits', PATIENT_MS, async () =>
      (await one.node.metrics.register.metrics()).includes('jobraft_parked_claims{node="1"} 1'),
    );
    one.revoke('worker');
    expect(await waiting).toMatchObject({ failed: ['UNAUTHENTICATED', 'ACCESS_DENIED', 'unknown'] });
    await operator('Add', { queue: 'mails', name: 'welcome' });
    await until('the job is there', PATIENT_MS, async () => {
      const { jobs } = (await operator('Claim', { queue: 'mails' })) as { jobs: readonly object[] };
      return jobs.length === 1;
    });
  });
});

describe('the audit log', () => {
  it('has who did what from where, with which outcome, and no secret', async () => {
    const audit = join(mkdtempSync(join(tmpdir(), 'jobraft-audit-')), 'audit.log');
    onTestFinished(() => rmSync(dirname(audit), { recursive: true, force: true }));
    const one = await OneNode.start({ audit });
    const secret = one.token({ name: 'ada', roles: ['operator'] });
    const call = one.caller(secret);
    await call('PauseQueue', { queue: 'mails' });
    await call('Remove', { queue: 'mails', id: '9' });
    await call('GetCounts', { queue: 'mails' });
    await one.caller(one.token({ name: 'web', roles: ['producer'] }))('RemoveMember', { node: 1 });
    const cluster = await one.connect(secret);
    await using queue = new Queue('mails', { connection: cluster });
    await queue.resume();
    await queue.add('welcome', 'a payload');
    const text = readFileSync(audit, 'utf8');
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    const by = (who: string) => ({
      node: 1,
      time: expect.stringMatching(/^20.*Z$/),
      from: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      who: `token ${who} (client web)`,
    });
    expect(lines).toEqual([
      expect.objectContaining({ command: 'tokens', arguments: { valid: ['first', 'ada'] }, outcome: 'done' }),
      { ...by('ada'), command: 'PauseQueue', arguments: expect.objectContaining({ queue: 'mails' }), outcome: 'done' },
      { ...by('ada'), command: 'Remove', arguments: expect.objectContaining({ queue: 'mails', id: '9' }), outcome: 'NOT_FOUND' },
      expect.objectContaining({ command: 'tokens', arguments: { valid: ['first', 'ada', 'web'] } }),
      { ...by('web'), command: 'RemoveMember', arguments: { node: 1 }, outcome: 'ACCESS_DENIED' },
      { ...by('ada'), command: 'pause', arguments: { queue: 'mails', isPaused: false }, outcome: 'done' },
    ]);
    expect(text).not.toContain(secret);
    expect(text).not.toContain('payload');
  });
});

describe('a program with a token', () => {
  it('gets a typed error for what its role and its queues do not permit, and goes on with the rest', async () => {
    const one = await OneNode.start();
    await expect(one.connect()).rejects.toMatchObject({ code: 'ACCESS_DENIED', outcome: 'not-applied' });
    const cluster = await one.connect(one.token({ name: 'mailer', roles: ['producer', 'worker'], queues: ['mails'] }));
    const [mails, invoices] = ['mails', 'invoices'].map((name) => new Queue(name, { connection: cluster })) as [Queue, Queue];
    onTestFinished(async () => void (await Promise.all([mails.close(), invoices.close()])));
    await mails.waitUntilReady();
    // In one request.
    const [job, rejected, paused] = await Promise.allSettled([mails.add('welcome', 1), invoices.add('x', 1), mails.pause()]);
    expect(job).toMatchObject({ status: 'fulfilled' });
    expect(rejected).toMatchObject({ reason: { code: 'ACCESS_DENIED', outcome: 'not-applied' } });
    expect(paused).toMatchObject({ reason: { code: 'ACCESS_DENIED' } });
    await expect(invoices.getJobCounts()).rejects.toMatchObject({ code: 'ACCESS_DENIED' });
    await expect(cluster.transferLeadership()).rejects.toMatchObject({ code: 'ACCESS_DENIED' });
    await expect(cluster.addNode(2, '127.0.0.1:1')).rejects.toMatchObject({ code: 'ACCESS_DENIED' });
    await expect(cluster.log(1)).rejects.toMatchObject({ code: 'ACCESS_DENIED' });
    const worker = new Worker('mails', async ({ data }) => data, { connection: cluster });
    const done = await new Promise((resolve) => worker.on('completed', resolve));
    expect(done).toMatchObject({ name: 'welcome', data: 1 });
    await worker.close();
  });

  it('is rejected soon once its token is revoked, and goes on once its file has another one', async () => {
    const one = await OneNode.start();
    const file = join(one.folder, 'token');
    writeFileSync(file, one.token({ name: 'web', roles: ['producer'] }));
    const cluster = await one.connect({ file });
    await using queue = new Queue('mails', { connection: cluster });
    await queue.add('first', 1);
    one.revoke('web');
    // The next call may be sent before the end of the channel is there.
    await expect(queue.add('second', 2)).rejects.toMatchObject({ code: 'ACCESS_DENIED' });
    writeFileSync(file, one.token({ name: 'web-2', roles: ['producer'] }));
    await until('the new token is used', PATIENT_MS, async () => {
      const added = await queue.add('third', 3).catch((error: { code: string }) => error.code);
      if (typeof added === 'string') expect(added).toBe('ACCESS_DENIED');
      return typeof added !== 'string';
    });
  });
});
