import { describe, expect, it } from 'vitest';
import { packetOf } from '../../src/client/delivery/connection.ts';
import type { ClusterLimits } from '../../src/config/limits.ts';
import { decodeReply } from '../../src/protocol/reply.ts';
import { RequestEncoder } from '../../src/protocol/request-encoder.ts';
import { LOOKED_PER_STEP_MAX } from '../../src/queue/listing.ts';
import { claimOptions, options } from '../queue/harness.ts';
import { listingOf } from '../queue/listings.ts';
import { NodeTable } from './node-table.ts';

const PAYLOAD_BYTES = 1_000;
const CONNECTION = 1;

/** A cluster with a session, and waiting jobs of a thousand bytes each. */
function aTable(jobs: number, limits: Partial<ClusterLimits>, nodes: readonly number[] = [2, 2, 2]) {
  const table = new NodeTable(nodes, limits);
  table.leader();
  const client = table.open();
  const ids: number[] = [];
  for (let job = 0; job < jobs; job += 1) {
    const [result] = table.request(client, (to) => to.add('q', new Uint8Array(PAYLOAD_BYTES).fill(job), options()));
    if (result?.ok && result.type === 'added') ids.push(result.id);
  }
  return { table, client, ids };
}

/** How many jobs a claim of `countMax` returns. */
function claim(table: NodeTable, client: number, countMax: number): number {
  const [result] = table.request(client, (to) => to.claim('q', claimOptions(countMax, 60_000)));
  if (!result?.ok || result.type !== 'claimed') throw new Error(`the claim got ${JSON.stringify(result)}`);
  return result.jobs.length;
}

function queryOf(client: number, sequence: number, ids: readonly number[]): Uint8Array {
  const encoder = new RequestEncoder();
  encoder.begin(client, sequence, 1);
  for (const id of ids) encoder.command('getJob', { jobId: id });
  return packetOf({ type: 'query', consistency: 'linearizable', request: encoder.finish() });
}

describe('a claim', () => {
  it('returns the jobs whose payloads fit into its budget, and at least one', () => {
    const { table, client } = aTable(8, { replyBytesMax: 3_500 });
    expect([claim(table, client, 10), claim(table, client, 2), claim(table, client, 10)]).toEqual([3, 2, 3]);
    const tight = aTable(2, { replyBytesMax: 10 });
    expect([claim(tight.table, tight.client, 10), claim(tight.table, tight.client, 10)]).toEqual([1, 1]);
  });

  it('after another one in the same turn counts the remaining jobs', () => {
    const { table, client } = aTable(6, { replyBytesMax: 2_500 });
    const results = table.request(client, (to) => {
      to.claim('q', claimOptions(10, 60_000));
      to.claim('q', claimOptions(10, 60_000));
    });
    expect(results.map((result) => (result.ok && result.type === 'claimed' ? result.jobs.length : -1))).toEqual([2, 1]);
  });

  it('is lowered before it enters the log, so that all replicas execute the same', () => {
    const { table, client } = aTable(5, { replyBytesMax: 2_500 });
    expect(claim(table, client, 5)).toBe(2);
    table.awaitEqual();
    expect(table.digests().size).toBe(1);
  });
});

describe('queries of large jobs', () => {
  it('are answered in parts, over several turns, each operation once', () => {
    const { table, client, ids } = aTable(9, { replyBytesMax: 2_000, turnBytesMax: 4_000 });
    table.replies.length = 0;
    const leader = table.node(table.leader());
    leader.receiveClientPacket(CONNECTION, queryOf(client, 500, ids));
    const perTurn: number[] = [];
    table.passUntil('all parts', () => {
      perTurn.push(table.replies.length);
      return table.replies.flatMap((frame) => (frame.type === 'part' ? decodeReply(frame.reply).results : [])).length === ids.length;
    });
    const parts = table.replies.flatMap((frame) =>
      frame.type === 'part' ? [{ first: frame.first, reply: decodeReply(frame.reply) }] : [],
    );
    expect(parts.map(({ first, reply }) => [first, reply.results.length])).toEqual([
      [0, 2],
      [2, 2],
      [4, 2],
      [6, 2],
      [8, 1],
    ]);
    const found = parts.flatMap(({ reply }) => reply.results.map((result) => (result.ok && result.type === 'job' ? result.job.id : 0)));
    expect(found).toEqual(ids);
  });

  it('are answered in later turns, due at once, where one turn has no bytes left', () => {
    const { table, client, ids } = aTable(6, { replyBytesMax: 1_000, turnBytesMax: 2_000 }, [2]);
    const leader = table.node(table.leader());
    table.replies.length = 0;
    leader.receiveClientPacket(CONNECTION, queryOf(client, 500, ids));
    leader.turn();
    expect(table.replies).toHaveLength(2);
    expect(leader.hasMore).toBe(true);
    expect(leader.nextDeadlineMs).toBeLessThanOrEqual(table.nowMs);
    for (let turns = 0; leader.hasMore && turns < 10; turns += 1) leader.turn();
    expect(table.replies).toHaveLength(6);
  });
});

describe('a listing among more jobs than a step looks at', () => {
  it('takes more than one turn, and other queries do not wait for it', () => {
    const { table, client } = aTable(0, { turnBytesMax: 1_000 }, [2]);
    table.request(client, (to) => {
      for (let job = 1; job <= LOOKED_PER_STEP_MAX + 100; job += 1) to.add('q', new Uint8Array(0), options({ delayMs: 3_600_000 + job }));
    });
    const leader = table.node(table.leader());
    const encoder = new RequestEncoder();
    encoder.begin(client, 500, 1);
    listingOf({ state: 'delayed', isDescending: true, countMax: 2 })(encoder);
    table.replies.length = 0;
    leader.receiveClientPacket(CONNECTION, packetOf({ type: 'query', consistency: 'linearizable', request: encoder.finish() }));
    leader.receiveClientPacket(CONNECTION, queryOf(client, 501, [1]));
    leader.turn();
    expect(table.replies).toEqual([]);
    expect(leader.hasMore).toBe(true);
    expect(leader.nextDeadlineMs).toBeLessThanOrEqual(table.nowMs);
    for (let turns = 0; leader.hasMore && turns < 10; turns += 1) leader.turn();
    const replies = table.replies.flatMap((frame) => (frame.type === 'reply' ? [decodeReply(frame.reply)] : []));
    expect(replies.map(({ sequence }) => sequence)).toEqual([501, 500]);
    const last = LOOKED_PER_STEP_MAX + 100;
    expect(replies[1]?.results).toMatchObject([{ type: 'jobIds', ids: [last, last - 1] }]);
  });
});

describe('a turn', () => {
  it('applies a bounded part of what is committed, and is followed by the next at once', () => {
    const { table } = aTable(20, { turnBytesMax: 3_000 }, [2]);
    table.start(1, 2);
    const node = table.node(1);
    for (let waited = 0; node.view.role !== 'leader' && waited < 100; waited += 1) {
      table.nowMs += 10;
      node.turn();
    }
    let turns = 0;
    for (; node.applied < node.view.commit && turns < 100; turns += 1) {
      expect(node.hasMore).toBe(true);
      expect(node.nextDeadlineMs).toBeLessThanOrEqual(table.nowMs);
      node.turn();
    }
    expect(turns).toBeGreaterThanOrEqual(20 / 3 - 1);
    expect(node.machine.counts('q').waiting).toBe(20);
  });
});
