import { describe, expect, it, onTestFinished } from 'vitest';
import { Client } from '../../src/client/api/client.ts';
import { DUE_PER_ENTRY_MAX } from '../../src/protocol/limits.ts';
import type { OperationResult } from '../../src/protocol/reply.ts';
import type { RequestEncoder } from '../../src/protocol/request-encoder.ts';
import { claimOptions, options } from '../queue/harness.ts';
import { FakeCluster } from './fake-cluster.ts';

const GONE = 7;
const LIVING = 8;

interface Setting {
  readonly cluster: FakeCluster;
  readonly client: Client;
  /** Number of leases that ended in each log entry, without zeros. */
  readonly endedByEntry: number[];
}

function aSetting(): Setting {
  const cluster = new FakeCluster();
  const endedByEntry: number[] = [];
  const apply = cluster.machine.apply.bind(cluster.machine);
  cluster.machine.apply = (index, data, replies) => {
    const before = cluster.machine.counts('q').active;
    apply(index, data, replies);
    const ended = before - cluster.machine.counts('q').active;
    if (ended > 0) endedByEntry.push(ended);
  };
  const client = new Client(cluster);
  onTestFinished(async () => {
    await client.close();
    cluster.close();
  });
  return { cluster, client, endedByEntry };
}

function send({ client }: Setting, write: (to: RequestEncoder) => void): Promise<OperationResult> {
  return new Promise((resolve, reject) => {
    write(client.dispatcher.open(32));
    client.dispatcher.commit({ onResult: resolve, onError: reject });
  });
}

/** Claims them all, the first of each claim as begun. */
async function claimed(setting: Setting, holder: number, jobs: number): Promise<void> {
  const adds = Array.from({ length: jobs }, () => send(setting, (to) => to.add('q', new Uint8Array(1), options())));
  await Promise.all(adds);
  for (let left = jobs; left > 0; left -= 5_000) {
    await send(setting, (to) => to.claim('q', claimOptions(Math.min(left, 5_000), 3_600_000, { beginMax: 1, holder })));
  }
}

describe('the leases of a process that is gone', () => {
  it('end in one entry if they are few, and others continue', async () => {
    const setting = aSetting();
    await claimed(setting, GONE, 300);
    await claimed(setting, LIVING, 200);
    await setting.client.releaseHolder(GONE);
    expect(setting.endedByEntry).toEqual([300]);
    expect(setting.cluster.machine.counts('q')).toMatchObject({ waiting: 300, active: 200 });
  });

  it('end in several entries if they are many, each with a bounded number; begun jobs have stalled', async () => {
    const setting = aSetting();
    const jobs = 3 * DUE_PER_ENTRY_MAX + 100;
    await claimed(setting, LIVING, 200);
    await claimed(setting, GONE, jobs);
    await setting.client.releaseHolder(GONE);
    expect(Math.max(...setting.endedByEntry)).toBeLessThanOrEqual(DUE_PER_ENTRY_MAX);
    expect(setting.endedByEntry.reduce((sum, ended) => sum + ended, 0)).toBe(jobs);
    expect(setting.cluster.machine.counts('q')).toMatchObject({ waiting: jobs, active: 200 });
    const shown = await Promise.all([201, 202].map((id) => send(setting, (to) => to.command('getJob', { jobId: id }))));
    expect(shown).toMatchObject([{ job: { state: 'waiting', stalls: 1 } }, { job: { state: 'waiting', stalls: 0 } }]);
    setting.cluster.machine.check();
  });
});
