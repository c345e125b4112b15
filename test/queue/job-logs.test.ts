import { describe, expect, it } from 'vitest';
import { LOG_PAGE_BYTES_MAX, LOG_ROW_BYTES_MAX, LOG_ROWS_MAX } from '../../src/protocol/limits.ts';
import { JOB_LOGS_VERSION } from '../../src/protocol/machine-version.ts';
import type { OperationResult } from '../../src/protocol/reply.ts';
import { LOG_SEGMENT_ROWS } from '../../src/queue/job-log.ts';
import { RecordKind } from '../../src/queue/record.ts';
import { TestQueue } from './harness.ts';

const DONE = { ok: true, type: 'done' };
const UNKNOWN = { ok: false, code: 'JOB_NOT_FOUND' };
const LOST = { ok: false, code: 'LEASE_LOST' };
const INVALID = { ok: false, code: 'INVALID_REQUEST' };

const log = (queue: TestQueue, jobId: number, row: string, { token = 0, keepMax = 0, name = 'q' } = {}): OperationResult =>
  queue.do((to) => to.command('addLog', { queue: name, jobId, token, keepMax, row: row }));

const clear = (queue: TestQueue, jobId: number, keepMax = 0): OperationResult =>
  queue.do((to) => to.command('clearLogs', { queue: 'q', jobId, keepMax }));

function read(
  queue: TestQueue,
  jobId: number,
  { start = 0, countMax = LOG_ROWS_MAX, isDescending = false, name = 'q' } = {},
): OperationResult | undefined {
  return queue.read((to) => to.command('getLogs', { queue: name, jobId, start, countMax, isDescending }))[0];
}

function rowsOf(queue: TestQueue, jobId: number, options = {}): readonly string[] {
  const result = read(queue, jobId, options);
  return result?.ok && result.type === 'logs' ? result.rows : [];
}

const numbered = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, at) => `row ${from + at}`);

function logMany(queue: TestQueue, jobId: number, from: number, to: number): void {
  for (const row of numbered(from, to)) log(queue, jobId, row);
}

describe('the log of a job', () => {
  it('has its rows in their order, in every state, until the job is gone', () => {
    const queue = new TestQueue();
    const id = queue.add('x', { delayMs: 10 });
    expect(read(queue, id)).toEqual({ ok: true, type: 'logs', total: 0, rows: [] });
    expect(log(queue, id, 'delayed')).toEqual({ ok: true, type: 'logged', rows: 1 });
    queue.pass(10);
    const { token } = queue.claimOne();
    expect(log(queue, id, 'active: ü', { token })).toEqual({ ok: true, type: 'logged', rows: 2 });
    queue.do((to) => to.complete(id, token, new Uint8Array(0)));
    expect(log(queue, id, '')).toMatchObject({ rows: 3 });
    expect(rowsOf(queue, id)).toEqual(['delayed', 'active: ü', '']);
    expect(rowsOf(queue, id, { isDescending: true, start: 1 })).toEqual(['active: ü', 'delayed']);
    expect(rowsOf(queue, id, { start: 1, countMax: 1 })).toEqual(['active: ü']);
    expect(rowsOf(queue, id, { start: 9 })).toEqual([]);
    queue.do((to) => to.command('remove', { queue: 'q', jobId: id }));
    expect(read(queue, id)).toMatchObject(UNKNOWN);
    expect(log(queue, id, 'again')).toMatchObject(UNKNOWN);
    expect(clear(queue, id)).toMatchObject(UNKNOWN);
  });

  it('gets rows under a lease only while it goes on, and in its queue', () => {
    const queue = new TestQueue();
    const id = queue.add('x');
    const first = queue.claimOne();
    queue.pass(1_001);
    expect(log(queue, id, 'late', { token: first.token })).toMatchObject(LOST);
    const { token } = queue.claimOne();
    expect(log(queue, id, 'later', { token: first.token })).toMatchObject(LOST);
    expect(log(queue, id, 'elsewhere', { token, name: 'other' })).toMatchObject(UNKNOWN);
    expect(read(queue, id, { name: 'other' })).toMatchObject(UNKNOWN);
    expect(log(queue, id, 'now', { token })).toMatchObject({ rows: 1 });
    expect(rowsOf(queue, id)).toEqual(['now']);
  });

  it('keeps as many rows as the call, the option of the job and the limit allow, the newest', () => {
    const queue = new TestQueue(undefined, undefined, { logRowsMax: 20 });
    const [plain, three] = [queue.add('x'), queue.add('x', { keepLogs: 3 })];
    logMany(queue, plain, 0, 25);
    logMany(queue, three, 0, 25);
    expect(rowsOf(queue, plain)).toEqual(numbered(5, 25));
    expect(rowsOf(queue, three)).toEqual(numbered(22, 25));
    expect(log(queue, plain, 'row 25', { keepMax: 2 })).toMatchObject({ rows: 2 });
    expect(log(queue, three, 'row 25', { keepMax: 5 })).toMatchObject({ rows: 3 });
    expect(rowsOf(queue, plain)).toEqual(numbered(24, 26));
  });

  it('drops the oldest rows beyond its bytes, whole segments at a time', () => {
    const queue = new TestQueue(undefined, undefined, { logBytesMax: 10_000 });
    const id = queue.add('x');
    for (let row = 0; row < 3 * LOG_SEGMENT_ROWS; row += 1) log(queue, id, String(row).padStart(300, '.'));
    queue.restart();
    const rows = rowsOf(queue, id);
    expect(rows.length).toBe(2 * LOG_SEGMENT_ROWS);
    expect(rows[0]?.endsWith(String(LOG_SEGMENT_ROWS))).toBe(true);
  });

  it('loses all rows but the newest when they are cleared', () => {
    const queue = new TestQueue();
    const id = queue.add('x');
    expect(clear(queue, id)).toEqual(DONE);
    logMany(queue, id, 0, 40);
    queue.checkpoint();
    expect(clear(queue, id, 20)).toEqual(DONE);
    expect(clear(queue, id, 30)).toEqual(DONE);
    expect(rowsOf(queue, id)).toEqual(numbered(20, 40));
    queue.restart();
    expect(rowsOf(queue, id)).toEqual(numbered(20, 40));
    expect(clear(queue, id)).toEqual(DONE);
    expect(read(queue, id)).toMatchObject({ total: 0, rows: [] });
    logMany(queue, id, 40, 42);
    expect(rowsOf(queue, id)).toEqual(numbered(40, 42));
    queue.restart();
    expect(rowsOf(queue, id)).toEqual(numbered(40, 42));
  });

  it('is returned in pages of bounded bytes, of at least one row, from both ends', () => {
    const queue = new TestQueue();
    const id = queue.add('x');
    const large = 'x'.repeat(LOG_ROW_BYTES_MAX);
    for (let row = 0; row < 6; row += 1) log(queue, id, large);
    const whole = LOG_PAGE_BYTES_MAX / LOG_ROW_BYTES_MAX;
    for (const isDescending of [false, true]) {
      expect(rowsOf(queue, id, { isDescending }).length).toBe(whole);
      expect(rowsOf(queue, id, { isDescending, start: whole }).length).toBe(6 - whole);
    }
  });

  it('has a bound on the bytes of a row', () => {
    const queue = new TestQueue();
    const id = queue.add('x');
    expect(log(queue, id, 'x'.repeat(LOG_ROW_BYTES_MAX + 1))).toMatchObject(INVALID);
    expect(read(queue, id)).toMatchObject({ total: 0 });
  });

  it('begins with the version of the machine that has it', () => {
    const queue = new TestQueue(undefined, JOB_LOGS_VERSION - 1);
    const id = queue.add('x');
    expect(log(queue, id, 'x')).toMatchObject(INVALID);
    expect(clear(queue, id)).toMatchObject(INVALID);
    queue.version = JOB_LOGS_VERSION;
    expect(log(queue, id, 'x')).toMatchObject({ rows: 1 });
  });
});

describe('the checkpoint of a log', () => {
  it('has each row once, however often it is written and restored', () => {
    const queue = new TestQueue();
    const id = queue.add('x');
    for (let row = 0; row < 50; row += 1) {
      log(queue, id, `row ${row}`);
      if (row % 3 === 0) queue.checkpoint();
      if (row % 7 === 0) queue.restart();
    }
    expect(rowsOf(queue, id)).toEqual(numbered(0, 50));
    queue.restart();
    expect(rowsOf(queue, id)).toEqual(numbered(0, 50));
    expect(queue.tables.keys(RecordKind.rows).length).toBe(Math.ceil(50 / LOG_SEGMENT_ROWS));
  });

  it('keeps the rows that are in a record in memory only until it is written', () => {
    const queue = new TestQueue();
    const id = queue.add('x');
    logMany(queue, id, 0, 20);
    const { once } = queue.machine.pendingWork;
    log(queue, id, 'x'.repeat(40_000));
    expect(queue.machine.pendingWork.once - once).toBeGreaterThan(4);
    queue.checkpoint();
    expect(queue.machine.pendingWork).toEqual({ once: 0, repeated: 0 });
  });

  it('has no record of dropped rows, nor of a job that is gone', () => {
    const queue = new TestQueue(undefined, undefined, { logRowsMax: 20 });
    const [id, other] = [queue.add('x'), queue.add('y', { keepCompleted: 0 })];
    logMany(queue, id, 0, 20);
    logMany(queue, other, 0, 5);
    queue.checkpoint();
    logMany(queue, id, 20, 300);
    queue.checkpoint();
    expect(rowsOf(queue, id)).toEqual(numbered(280, 300));
    // Rows 280 to 299 are in two segments; the other job has one.
    expect(queue.tables.keys(RecordKind.rows).length).toBe(3);
    logMany(queue, id, 300, 2_500);
    queue.restart();
    expect(rowsOf(queue, id)).toEqual(numbered(2_480, 2_500));
    for (const { id: claimed, token } of queue.claim(2)) queue.do((to) => to.complete(claimed, token, new Uint8Array(0)));
    queue.do((to) => to.command('remove', { queue: 'q', jobId: id }));
    queue.checkpoint();
    expect(queue.tables.keys(RecordKind.rows)).toEqual([]);
    expect(queue.tables.keys(RecordKind.logs)).toEqual([]);
  });

  it('costs a job without a log no record', () => {
    const queue = new TestQueue();
    queue.add('x');
    const withoutLog = queue.checkpoint();
    queue.add('y');
    log(queue, 2, 'row');
    expect(queue.checkpoint()).toBe(withoutLog + 1);
    expect(queue.tables.keys(RecordKind.logs)).toEqual([2]);
  });
});
