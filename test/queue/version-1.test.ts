import { describe, expect, it } from 'vitest';
import { asIndex } from '../../src/base/ids.ts';
import { MACHINE_VERSION } from '../../src/protocol/machine-version.ts';
import { decodeReply, type OperationResult } from '../../src/protocol/reply.ts';
import { RequestEncoder } from '../../src/protocol/request-encoder.ts';
import { JobQueue } from '../../src/queue/job-queue.ts';
import { claimOfVersion1, entryData, options, START_MS } from './harness.ts';

const CLIENT = 77;

describe('a job that was claimed in version 1 and stalls in version 2', () => {
  it.each([true, false])('may stall once, which is the default (extended in between: %s)', (isExtended) => {
    const machine = new JobQueue({ readRecord: () => undefined });
    let index = 0;
    let latest: OperationResult | undefined;
    const apply = (version: number, atMs: number, ...requests: readonly Uint8Array[]): OperationResult | undefined => {
      index += 1;
      const reply = (_client: number, _sequence: number, bytes: Uint8Array): void => {
        latest = decodeReply(bytes).results[0];
      };
      machine.apply(asIndex(index), entryData({ version, logMs: atMs, wallMs: atMs }, ...requests), { wants: () => true, reply });
      machine.check();
      return latest;
    };
    const request = (sequence: number, build: (to: RequestEncoder) => void): Uint8Array => {
      const to = new RequestEncoder();
      to.begin(CLIENT, sequence, 1);
      build(to);
      return to.finish();
    };
    apply(
      1,
      START_MS,
      request(1, (to) => to.command('openSession', {})),
    );
    apply(
      1,
      START_MS,
      request(2, (to) => to.add('q', new Uint8Array(0), options({ attemptsMax: 9 }))),
    );
    apply(1, START_MS, claimOfVersion1(CLIENT, 3, 1_000));
    const extend = request(4, (to) => to.command('extend', { jobId: 1, token: 1, leaseMs: 1_000 }));
    if (isExtended) expect(apply(MACHINE_VERSION, START_MS, extend)).toEqual({ ok: true, type: 'done' });
    apply(MACHINE_VERSION, START_MS + 1_000);
    const getJob = request(5, (to) => to.command('getJob', { jobId: 1 }));
    expect(apply(MACHINE_VERSION, START_MS + 1_000, getJob)).toMatchObject({ job: { state: 'waiting', attempt: 0, stalls: 1 } });
  });
});
