import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader } from '../../src/base/bytes.ts';
import { asIndex } from '../../src/base/ids.ts';
import { COMMAND_NAMES, COMMANDS } from '../../src/protocol/commands.ts';
import { versionOfEntry } from '../../src/protocol/entry-data.ts';
import { CLAIM_COUNT_MAX } from '../../src/protocol/limits.ts';
import { MACHINE_VERSION } from '../../src/protocol/machine-version.ts';
import { operationEnds, pickOperations } from '../../src/protocol/pick-operations.ts';
import { decodeReply } from '../../src/protocol/reply.ts';
import { type AddOptions, peekRequest, RequestEncoder, readRequestHeader } from '../../src/protocol/request-encoder.ts';
import { ANY_VERSION, OperationReader } from '../../src/protocol/request-reader.ts';
import { inspectRequest, validateQuery, validateRequest } from '../../src/protocol/validate-request.ts';
import { written } from '../queue/flows.ts';
import { bytesOf, CLIENT, claimOptions, options, TestQueue } from '../queue/harness.ts';

const none = new Uint8Array(0);
const bounds = { payloadBytesMax: 1000 };

function request(build: (to: RequestEncoder) => void, client = CLIENT, sequence = 3, acknowledgedBelow = 2): Uint8Array {
  const to = new RequestEncoder();
  to.begin(client, sequence, acknowledgedBelow);
  build(to);
  return to.finish();
}

const everything = (to: RequestEncoder): void => {
  to.command('openSession', {});
  to.add('q', bytesOf('payload'), options({ backoff: { type: 'exponential', delayMs: 5 } }));
  to.add('q', none, options({ priority: 2 ** 21, keepCompleted: 0 }));
  to.add('ünïcode', none, options({ delayMs: 1e9 }));
  to.claim('q', claimOptions(10_000, 1, { waitMs: 30_000, stalledMax: 3, holder: 9 }));
  to.command('begin', { jobId: 1, token: 1 });
  to.command('releaseHolder', { holder: 9 });
  to.command('extend', { jobId: 1, token: 1, leaseMs: 1000 });
  to.complete(1, 1, bytesOf('result'));
  to.command('fail', { jobId: 1, token: 1, reason: 'reason', retry: false });
  to.command('release', { jobId: 1, token: 1 });
  to.command('counts', { queue: 'q' });
  to.command('getJob', { jobId: 1 });
  to.command('retry', { queue: 'q', jobId: 1 });
  to.command('remove', { queue: 'q', jobId: 1 });
};

const DEDUPLICATION = { id: 'd', ttlMs: 5, isExtending: true, isReplacing: true, keepsLast: false };
const SCHEDULER = {
  ...{ scheduler: 's', everyMs: 0, offsetMs: -1, pattern: '0 9 * * *', tz: 'Europe/Berlin' },
  ...{ startMs: 0, endMs: 0, ticksMax: 5, isImmediate: true },
};

describe('a request', () => {
  it('with every operation is valid, and counts operations and bytes', () => {
    const to = new RequestEncoder();
    to.begin(CLIENT, 3, 2);
    everything(to);
    expect(to.operations).toBe(15);
    expect(to.finish()).toHaveLength(to.bytes);
    expect(validateRequest(to.finish(), bounds, MACHINE_VERSION)).toBeUndefined();
  });

  it('repeats neither queue names nor policies', () => {
    const one = request((to) => to.add('a-long-queue-name', none, options()));
    const two = request((to) => {
      to.add('a-long-queue-name', none, options());
      to.add('a-long-queue-name', none, options());
    });
    expect(two.length - one.length).toBe(17);
  });

  it('has a client and a sequence, and neither if it is no request', () => {
    expect(peekRequest(request(everything))).toEqual({ client: CLIENT, sequence: 3 });
    expect(peekRequest(none)).toBeUndefined();
    expect(peekRequest(request(everything, 0))).toBeUndefined();
  });
});

/** The meaning of each operation of a request, in full. */
function meaningOf(bytes: Uint8Array): unknown[] {
  const reader = new ByteReader(bytes);
  const { operations } = readRequestHeader(reader);
  const operation = new OperationReader();
  return Array.from({ length: operations }, () => {
    operation.next(reader, MACHINE_VERSION);
    const { code, queueName, jobId, delayMs, policy, countMax, blobAt, blobLength } = operation;
    const isAdd = code === COMMANDS.add.code;
    const needsQueue = isAdd || code === COMMANDS.claim.code || code === COMMANDS.counts.code || code === COMMANDS.retry.code;
    return {
      code,
      queue: needsQueue ? queueName : undefined,
      policy: isAdd ? { delayMs, keepCompleted: policy?.keepCompleted } : undefined,
      job: code === COMMANDS.complete.code || code === COMMANDS.retry.code ? jobId : undefined,
      countMax: code === COMMANDS.claim.code ? countMax : undefined,
      blob: isAdd || code === COMMANDS.complete.code ? bytes.slice(blobAt, blobAt + blobLength) : undefined,
    };
  });
}

describe('operations that are taken from a request', () => {
  const queue = fc.constantFrom('a', 'b', 'a-long-queue-name');
  const payload = fc.uint8Array({ maxLength: 9 });
  const anOperation = fc.oneof(
    fc.tuple(queue, payload, fc.nat(2), fc.nat(2)).map(
      ([name, bytes, delayMs, keepCompleted]) =>
        (to: RequestEncoder) =>
          to.add(name, bytes, options({ delayMs, keepCompleted })),
    ),
    fc.tuple(fc.integer({ min: 1, max: 9 }), payload).map(
      ([job, bytes]) =>
        (to: RequestEncoder) =>
          to.complete(job, 1, bytes),
    ),
    queue.map((name) => (to: RequestEncoder) => to.claim(name, claimOptions(3))),
    queue.map((name) => (to: RequestEncoder) => to.command('counts', { queue: name })),
    fc.tuple(queue, fc.integer({ min: 1, max: 9 })).map(
      ([name, job]) =>
        (to: RequestEncoder) =>
          to.command('retry', { queue: name, jobId: job }),
    ),
  );

  it('have the same meaning as in it', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(anOperation, fc.boolean()), { minLength: 1, maxLength: 12 }), (operations) => {
        const to = new RequestEncoder();
        to.begin(CLIENT, 3, 2);
        const ends = operations.map(([write]) => {
          write(to);
          return to.bytes;
        });
        const whole = to.finish();
        const places = operations.flatMap(([, isPicked], at) => (isPicked ? [at] : []));
        fc.pre(places.length > 0);
        expect(operationEnds(whole)).toEqual(ends);
        const picked = pickOperations(whole, places);
        const all = meaningOf(whole);
        expect(meaningOf(picked)).toEqual(places.map((at) => all[at]));
        expect(operationEnds(picked).at(-1)).toBe(picked.length);
        // Again, by their current places: nothing changes.
        expect(pickOperations(picked, [...places.keys()])).toEqual(picked);
      }),
    );
  });

  it('are found for every kind of operation', () => {
    const to = new RequestEncoder();
    to.begin(CLIENT, 3, 2);
    const writes: (() => void)[] = [
      () => to.command('openSession', {}),
      () => to.add('q', Uint8Array.of(1, 2, 3), options({ attemptsMax: 0 })),
      () => to.claim('other', claimOptions(3)),
      () => to.command('extend', { jobId: 1, token: 2, leaseMs: 3 }),
      () => to.command('begin', { jobId: 1, token: 2 }),
      () => to.complete(1, 2, Uint8Array.of(4)),
      () => to.command('fail', { jobId: 1, token: 2, reason: 'broken', retry: true }),
      () => to.command('release', { jobId: 1, token: 2 }),
      () => to.command('counts', { queue: 'q' }),
      () => to.command('getJob', { jobId: 1 }),
      () => to.command('retry', { queue: 'q', jobId: 1 }),
      () => to.command('remove', { queue: 'other', jobId: 1 }),
      () => to.command('releaseHolder', { holder: 1 }),
      () => to.command('heldJobs', { holder: 1, countMax: 2 }),
      () => to.command('pause', { queue: 'q', isPaused: true }),
      () => to.command('isPaused', { queue: 'q' }),
      () => to.command('setConcurrency', { queue: 'q', concurrencyMax: 3 }),
      () => to.command('concurrency', { queue: 'q' }),
      () => to.command('setRateLimit', { queue: 'q', rateMax: 3, rateMs: 5 }),
      () => to.command('rateLimit', { queue: 'q' }),
      () => to.command('holdClaims', { queue: 'q', holdMs: 5 }),
      () => to.claim('other', claimOptions(3, 1000, { limiter: { max: 2, durationMs: 5 } })),
      () => to.command('rateLimitTtl', { queue: 'q', takenMin: 0 }),
      () => to.command('subscribeEvents', { queue: 'q', ttlMs: 1_000 }),
      () => to.command('readEvents', { queue: 'q', recording: 1, afterId: 2, countMax: 3, waitMs: 0 }),
      () => to.command('jobIds', { queue: 'q', state: 2, isDescending: false, afterRank: -1, afterTie: 0, start: 0, countMax: 3 }),
      () => to.command('queueNames', { after: 0, countMax: 3 }),
      () => to.command('promote', { queue: 'q', jobId: 1 }),
      () => to.command('clean', { queue: 'q', jobId: 1, state: 2, graceMs: 5 }),
      () => to.add('q', Uint8Array.of(1, 2, 3), options({ customId: 'x' })),
      () => to.command('findJob', { queue: 'q', customId: 'x' }),
      () => to.upsertScheduler('q', SCHEDULER, Uint8Array.of(1, 2, 3), options({ attemptsMax: 2 })),
      () => to.command('removeScheduler', { queue: 'other', scheduler: 's' }),
      () => to.command('advanceScheduler', { schedulerNumber: 1, afterMs: 2, nextMs: 3 }),
      () => to.command('getScheduler', { queue: 'q', scheduler: 's' }),
      () => to.command('schedulerIds', { queue: 'q', isDescending: false, start: 0, countMax: 3 }),
      () => to.command('changePriority', { queue: 'q', jobId: 1, priority: 2 }),
      () => to.command('changeDelay', { queue: 'q', jobId: 1, delayMs: 5 }),
      () => to.command('updateData', { queue: 'q', jobId: 1, token: 0, payload: Uint8Array.of(1, 2, 3) }),
      () => to.command('updateProgress', { queue: 'q', jobId: 1, token: 0, payload: Uint8Array.of(1, 2, 3) }),
      () => to.add('q', Uint8Array.of(1, 2, 3), options({ deduplication: DEDUPLICATION })),
      () => to.command('getDeduplicationJob', { queue: 'q', deduplicationId: 'd' }),
      () => to.command('removeDeduplication', { queue: 'other', holderJobId: 1, deduplicationId: 'd' }),
      () => to.addFlow(written([{ name: 'parent', children: [{ name: 'child', queue: 'other' }] }])),
      () => to.command('removeAlone', { queue: 'q', jobId: 1 }),
      () => to.command('removeUnprocessed', { queue: 'q', jobId: 1 }),
      () => to.command('removeDependency', { queue: 'q', jobId: 1 }),
      () => to.command('children', { queue: 'q', jobId: 1, status: 1, hasValues: true, after: 0, countMax: 3 }),
      () => to.command('parentOf', { queue: 'q', jobId: 1 }),
      () => to.command('stateCounts', { queue: 'q' }),
      () => to.command('addLog', { queue: 'q', jobId: 1, token: 0, keepMax: 0, row: 'row' }),
      () => to.command('transact', { payload: Uint8Array.of(1, 2, 3) }),
      () => to.command('clearLogs', { queue: 'q', jobId: 1, keepMax: 2 }),
      () => to.command('getLogs', { queue: 'q', jobId: 1, start: 0, countMax: 9, isDescending: false }),
    ];
    const ends = writes.map((write) => {
      write();
      return to.bytes;
    });
    // All but the selections and the three codes of version 1.
    expect(writes).toHaveLength(COMMAND_NAMES.length - 3);
    expect(operationEnds(to.finish())).toEqual(ends);
  });

  it('do not bring the selections of operations that were left out', () => {
    const to = new RequestEncoder();
    to.begin(CLIENT, 3, 2);
    to.add('', none, options({ attemptsMax: 0 }));
    to.complete(1, 1, none);
    to.command('counts', { queue: 'q' });
    expect(validateRequest(to.finish(), bounds, MACHINE_VERSION)).toMatchObject({ code: 'INVALID_REQUEST', operations: [0] });
    expect(validateRequest(pickOperations(to.finish(), [1, 2]), bounds, MACHINE_VERSION)).toBeUndefined();
  });
});

describe('validation', () => {
  const add = (changed: Partial<AddOptions>) => (to: RequestEncoder) => to.add('q', none, options(changed));

  it.each<[string, (to: RequestEncoder) => void, RegExp]>([
    ['no operation', () => undefined, /1 to 65536/],
    ['an empty queue name', (to) => to.command('counts', { queue: '' }), /1 to 256 bytes/],
    ['a queue name of 257 bytes', (to) => to.command('counts', { queue: 'q'.repeat(257) }), /1 to 256 bytes/],
    ['a delay below zero', add({ delayMs: -1 }), /Use 0 to/],
    ['a delay that is not a number', add({ delayMs: Number.NaN }), /Use 0 to/],
    ['an infinite delay', add({ delayMs: Number.POSITIVE_INFINITY }), /Use 0 to/],
    ['a priority above 2^21', add({ priority: 2 ** 21 + 1 }), /priority .* Use 0 to 2097152/],
    ['no attempts', add({ attemptsMax: 0 }), /attempts\. Use 1 to/],
    ['a backoff below zero', add({ backoff: { type: 'fixed', delayMs: -5 } }), /backoff delay/],
    ['a backoff of unknown type', add({ backoff: { type: 'linear' as 'fixed', delayMs: 5 } }), /none, fixed, exponential/],
    ['a number of kept jobs below -1', add({ keepFailed: -2 }), /Use -1 for all/],
    ['a claim of no jobs', (to) => to.claim('q', claimOptions(0, 1000)), /Use 1 to 10000/],
    ['a claim of too many jobs', (to) => to.claim('q', claimOptions(10_001, 1000)), /Use 1 to 10000/],
    ['a claim of more stalls than are counted', (to) => to.claim('q', claimOptions(1, 1000, { stalledMax: 2 ** 31 })), /stalls\. Use 0 to/],
    ['a holder that is no id', (to) => to.command('releaseHolder', { holder: -1 }), /holder/],
    ['a lease of no time', (to) => to.claim('q', claimOptions(1, 0)), /lease/],
    ['an extension of no time', (to) => to.command('extend', { jobId: 1, token: 1, leaseMs: Number.NaN }), /lease/],
    ['a wait below zero', (to) => to.claim('q', claimOptions(1, 1000, { waitMs: -1 })), /wait/],
    ['a job id that add never gives', (to) => to.command('getJob', { jobId: 0.5 }), /job id/],
    [
      'a reason that is too long',
      (to) => to.command('fail', { jobId: 1, token: 1, reason: 'é'.repeat(8193), retry: true }),
      /Cut it to 16384 bytes/,
    ],
  ])('rejects %s and names the remedy', (_what, build, message) => {
    expect(validateRequest(request(build), bounds, MACHINE_VERSION)).toEqual({
      code: 'INVALID_REQUEST',
      message: expect.stringMatching(message),
      operations: _what === 'no operation' ? [] : [0],
    });
  });

  it('rejects payloads and results above the limit', () => {
    const large = new Uint8Array(1001);
    const fault = { code: 'TOO_LARGE', message: expect.stringMatching(/1001 bytes, 1000 are allowed/), operations: [0] };
    expect(
      validateRequest(
        request((to) => to.add('q', large, options())),
        bounds,
        MACHINE_VERSION,
      ),
    ).toEqual(fault);
    expect(
      validateRequest(
        request((to) => to.complete(1, 1, large)),
        bounds,
        MACHINE_VERSION,
      ),
    ).toEqual(fault);
    expect(
      validateRequest(
        request((to) => to.complete(1, 1, large.subarray(1))),
        bounds,
        MACHINE_VERSION,
      ),
    ).toBeUndefined();
  });

  it('names each operation whose payload is too large', () => {
    const large = new Uint8Array(1001);
    const build = (to: RequestEncoder): void => {
      to.add('q', none, options());
      to.add('q', large, options());
      to.complete(1, 1, none);
      to.complete(1, 1, large);
    };
    expect(validateRequest(request(build), bounds, MACHINE_VERSION)).toMatchObject({ code: 'TOO_LARGE', operations: [1, 3] });
  });

  it.each([
    [0, 1, 1],
    [2 ** 52, 1, 1],
    [1.5, 1, 1],
    [1, 0, 0],
    [1, 2, 3],
    [1, 2, -1],
    [1, Number.NaN, 1],
  ])('rejects the header of client %d, sequence %d, acknowledged below %d', (client, sequence, below) => {
    const fault = validateRequest(
      request((to) => to.command('counts', { queue: 'q' }), client, sequence, below),
      bounds,
      MACHINE_VERSION,
    );
    expect(fault).toMatchObject({ code: 'INVALID_REQUEST' });
  });

  it('rejects every request that is cut short, or followed by more', () => {
    const whole = request(everything);
    for (let length = 0; length < whole.length; length += 1) {
      expect(validateRequest(whole.subarray(0, length), bounds, MACHINE_VERSION)).toMatchObject({ code: 'INVALID_REQUEST' });
    }
    expect(validateRequest(new Uint8Array([...whole, 0]), bounds, MACHINE_VERSION)).toMatchObject({
      message: expect.stringContaining('1 bytes follow'),
    });
  });
});

describe('a claim that may be parked', () => {
  const waitingClaim = (bytes: Uint8Array) => inspectRequest(bytes, bounds, ANY_VERSION).waitingClaim;

  it('is a single claim with a wait', () => {
    expect(waitingClaim(request((to) => to.claim('q', claimOptions(3, 1000, { waitMs: 500 }))))).toEqual({
      queue: 'q',
      waitMs: 500,
      countMax: 3,
      countAt: 35,
    });
    expect(waitingClaim(request((to) => to.claim('q', claimOptions(3, 1000))))).toBeUndefined();
    expect(waitingClaim(request(everything))).toBeUndefined();
    expect(waitingClaim(request((to) => to.command('counts', { queue: 'q' })))).toBeUndefined();
    expect(waitingClaim(request((to) => to.claim('q', claimOptions(0, 1000, { waitMs: 500 }))))).toBeUndefined();
    expect(waitingClaim(none)).toBeUndefined();
  });
});

describe('a query', () => {
  const query = (write: (to: RequestEncoder) => void) => validateQuery(request(write));

  it('may only read', () => {
    expect(query((to) => to.command('counts', { queue: 'q' }))).toBeUndefined();
    expect(query((to) => to.command('getJob', { jobId: 7 }))).toBeUndefined();
    expect(query((to) => to.claim('q', claimOptions(1, 1000)))).toMatchObject({
      code: 'INVALID_REQUEST',
      message: expect.stringContaining('changes nothing'),
    });
    expect(query(everything)).toMatchObject({ code: 'INVALID_REQUEST' });
    expect(validateQuery(none)).toMatchObject({ code: 'INVALID_REQUEST' });
  });

  it('may list the jobs of a holder; no version has this operation in the log', () => {
    const held = (to: RequestEncoder): void => to.command('heldJobs', { holder: 7, countMax: 2 });
    expect(query(held)).toBeUndefined();
    expect(query((to) => to.command('heldJobs', { holder: 7, countMax: 0 }))).toMatchObject({ code: 'INVALID_REQUEST' });
    expect(query((to) => to.command('heldJobs', { holder: 7, countMax: CLAIM_COUNT_MAX + 1 }))).toMatchObject({ code: 'INVALID_REQUEST' });
    for (const version of [ANY_VERSION, 1, MACHINE_VERSION])
      expect(validateRequest(request(held), bounds, version)).toMatchObject({ code: 'INVALID_REQUEST' });
    const queue = new TestQueue();
    for (let job = 1; job <= 5; job += 1) queue.add('x');
    const claim = (holder: number) => queue.request((to) => to.claim('q', claimOptions(2, 1000, { holder })));
    queue.apply(claim(6), claim(7), claim(7));
    const resultsOf = (bytes: Uint8Array) => decodeReply(bytes).results;
    const jobs = (holder: number, countMax: number) =>
      resultsOf(queue.machine.query(request((to) => to.command('heldJobs', { holder, countMax }))));
    expect(jobs(7, 10)).toEqual([{ ok: true, type: 'held', jobs: expect.arrayContaining([3, 4, 5].map((id) => ({ id, token: id }))) }]);
    expect(jobs(7, 2)).toMatchObject([{ jobs: { length: 2 } }]);
    expect(jobs(8, 2)).toMatchObject([{ jobs: [] }]);
    const before = queue.machine.counts('q');
    expect(queue.apply(queue.request(held)).map(resultsOf)).toMatchObject([[{ ok: false, code: 'INVALID_REQUEST' }]]);
    expect(queue.machine.counts('q')).toEqual(before);
  });

  it('may ask for jobs beside all else that a query may hold', () => {
    const queue = new TestQueue();
    queue.add('abc');
    queue.apply(queue.request((to) => to.claim('q', claimOptions(1, 1000, { holder: 7 }))));
    const asked = request((to) => {
      to.command('heldJobs', { holder: 7, countMax: 2 });
      to.command('counts', { queue: 'q' });
      to.command('getJob', { jobId: 99 });
      to.command('getJob', { jobId: 1 });
    });
    expect(validateQuery(asked)).toBeUndefined();
    expect(decodeReply(queue.machine.query(asked)).results).toMatchObject([
      { type: 'held', jobs: [{ id: 1 }] },
      { type: 'counts', counts: { active: 1 } },
      { code: 'JOB_NOT_FOUND' },
      { type: 'job', job: { id: 1, payload: bytesOf('abc') } },
    ]);
  });

  it('is answered from the current state and does not change it', () => {
    const queue = new TestQueue();
    queue.apply(queue.request((to) => to.add('q', new Uint8Array([1, 2]), options())));
    const before = queue.machine.digest();
    const asked = request((to) => {
      to.command('counts', { queue: 'q' });
      to.command('getJob', { jobId: 1 });
      to.command('getJob', { jobId: 99 });
    });
    const { results } = decodeReply(queue.machine.query(asked));
    expect(results).toMatchObject([
      { ok: true, type: 'counts', counts: { waiting: 1 } },
      { ok: true, type: 'job', job: { id: 1, state: 'waiting', payload: new Uint8Array([1, 2]) } },
      { ok: false, code: 'JOB_NOT_FOUND' },
    ]);
    expect(queue.machine.digest()).toBe(before);
  });
});

describe('malformed bytes', () => {
  it('reject the rest of their request and keep the operations before them', () => {
    const queue = new TestQueue();
    const [reply] = queue.apply(
      queue.request((to) => {
        to.add('q', none, options());
        to.claim('q', claimOptions(0, 1000));
        to.add('q', none, options());
      }),
    );
    expect(decodeReply(reply ?? none).results).toMatchObject([{ type: 'added' }, { code: 'INVALID_REQUEST' }, { code: 'INVALID_REQUEST' }]);
    expect(queue.machine.counts('q').waiting).toBe(1);
  });

  it('never corrupt the state, and all replicas stay equal', () => {
    const source = new TestQueue().request(everything, 3);
    const anyDamage = fc.array(fc.tuple(fc.nat(source.length - 1), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(fc.array(anyDamage, { maxLength: 5 }), fc.uint8Array({ maxLength: 80 }), (damages, noise) => {
        const replicas = [new TestQueue(), new TestQueue()];
        for (const queue of replicas) {
          queue.add('x');
          for (const damage of damages) {
            const request = source.slice();
            for (const [at, byte] of damage) request[at] = byte;
            for (const reply of queue.apply(request, noise)) decodeReply(reply);
          }
        }
        expect(replicas[0]?.machine.digest()).toBe(replicas[1]?.machine.digest());
      }),
      { numRuns: 300 },
    );
  });

  it('as an entry change no job', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (noise) => {
        // A later version of the state machine is rejected as such.
        fc.pre(versionOfEntry(noise) <= MACHINE_VERSION);
        const queue = new TestQueue();
        queue.index += 1;
        queue.machine.apply(asIndex(queue.index), noise);
        queue.machine.check();
        expect(queue.machine.measure(0).jobs).toBe(0);
      }),
    );
  });

  it('are no reply either', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (noise) => {
        let code = 'decoded';
        try {
          decodeReply(noise);
        } catch (error) {
          code = (error as { code: string }).code;
        }
        expect(['decoded', 'MALFORMED_BYTES']).toContain(code);
      }),
    );
  });
});
