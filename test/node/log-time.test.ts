import { describe, expect, it } from 'vitest';
import { SESSION_IDLE_MS_MAX } from '../../src/queue/state-bounds.ts';
import { claimOptions } from '../queue/harness.ts';
import { NodeTable } from './node-table.ts';

const DAY_MS = 86_400_000;

const countsAt = (table: NodeTable, id = table.leader()) => table.node(id).machine.counts('q');

describe('the clock of the log', () => {
  it.each([DAY_MS, -DAY_MS])(
    'does not follow a wall clock that is stepped by %d ms: leases and sessions last as long as they should',
    (stepMs) => {
      const table = new NodeTable([2, 2, 2]);
      const client = table.open();
      table.add(client);
      table.request(client, (to) => to.claim('q', claimOptions(1, 5_000)));
      for (const id of table.ids) table.wallStepMs.set(id, stepMs);
      table.pass(4_000);
      expect(countsAt(table)).toMatchObject({ active: 1 });
      for (const id of table.ids) table.wallStepMs.set(id, 0);
      table.pass(1_500);
      expect(countsAt(table)).toMatchObject({ active: 0, waiting: 1 });
      expect(table.request(client, (to) => to.command('counts', { queue: 'q' }))).toMatchObject([{ ok: true }]);
    },
  );

  it('stops while there is no leader, and leases begin a fresh term under the next leader', () => {
    const table = new NodeTable([2, 2, 2]);
    const client = table.open();
    table.add(client);
    table.request(client, (to) => to.claim('q', claimOptions(1, 3_000)));
    table.pass(2_000);
    for (const id of table.ids) table.isolated.add(id);
    table.pass(20_000);
    table.isolated.clear();
    table.leader();
    // More than what was left of the first term.
    table.pass(2_500);
    expect(countsAt(table)).toMatchObject({ active: 1 });
    table.pass(2_000);
    expect(countsAt(table)).toMatchObject({ active: 0 });
  });

  it('nearly stops while all nodes are stopped by a stalled disk, although the same leader continues', () => {
    const table = new NodeTable([2, 2, 2]);
    const client = table.open();
    table.add(client);
    table.request(client, (to) => to.claim('q', claimOptions(1, 5_000)));
    table.nowMs += 60_000;
    table.pass(2_000);
    expect(countsAt(table)).toMatchObject({ active: 1 });
    table.pass(8_000);
    expect(countsAt(table)).toMatchObject({ active: 0 });
  });

  it('continues to tick at a leader whose last tick was overwritten while another one led', () => {
    const table = new NodeTable([2, 2, 2]);
    const client = table.open();
    table.add(client, 200);
    const first = table.leader();
    table.isolated.add(first);
    // It proposes many entries that never commit, the tick after them, until it learns that it no longer leads.
    table.pass(1_000);
    table.leader();
    table.isolated.delete(first);
    table.awaitEqual();
    for (let tried = 0; table.leader() !== first && tried < 50; tried += 1) table.transfer(first);
    expect(table.leader()).toBe(first);
    table.add(client, 500);
    table.pass(1_500);
    expect(countsAt(table, first)).toMatchObject({ delayed: 0, waiting: 2 });
  });

  it('ends a delay within a second of its time on the wall clock, even when that is stepped while the node is idle', () => {
    const table = new NodeTable([2, 2, 2]);
    const client = table.open();
    table.add(client, DAY_MS);
    table.pass(5_000);
    expect(countsAt(table)).toMatchObject({ delayed: 1 });
    for (const id of table.ids) table.wallStepMs.set(id, DAY_MS);
    table.pass(1_000);
    expect(countsAt(table)).toMatchObject({ delayed: 0, waiting: 1 });
  });

  describe('at a single node without requests', () => {
    it.each([125, 5_000])('ends a session within a second of its time, with a heartbeat every %d ms', (heartbeatMs) => {
      const table = new NodeTable([2], {}, { heartbeatMs, electionTimeoutMs: 2 * heartbeatMs });
      const client = table.open();
      table.idle(SESSION_IDLE_MS_MAX - 1_000);
      expect(table.node(1).machine.sessions.size).toBe(1);
      table.idle(2_000);
      expect(table.node(1).machine.sessions.size).toBe(0);
      expect(table.request(client, (to) => to.command('counts', { queue: 'q' }))).toMatchObject([{ ok: false, code: 'SESSION_EXPIRED' }]);
    });

    it('ends a lease within a second of its time, even one that begins after a long sleep', () => {
      const table = new NodeTable([2]);
      const client = table.open();
      table.add(client);
      table.idle(60_000);
      table.request(client, (to) => to.claim('q', claimOptions(1, 20_000)));
      const claimedMs = table.nowMs;
      table.idle(claimedMs + 19_000 - table.nowMs);
      expect(countsAt(table)).toMatchObject({ active: 1 });
      table.idle(2_000);
      expect(countsAt(table)).toMatchObject({ active: 0, waiting: 1 });
    });

    it('ends no session while the node is stopped', () => {
      const table = new NodeTable([2]);
      table.open();
      table.nowMs += 2 * SESSION_IDLE_MS_MAX;
      table.idle(SESSION_IDLE_MS_MAX / 2);
      expect(table.node(1).machine.sessions.size).toBe(1);
    });
  });

  it('counts the time in which a tick reaches no other node, while the same leader continues', () => {
    const table = new NodeTable([2, 2, 2], {}, { heartbeatMs: 500, electionTimeoutMs: 20_000 });
    const client = table.open();
    table.add(client);
    table.add(client);
    table.request(client, (to) => to.claim('q', claimOptions(1, 2_000)));
    table.request(client, (to) => to.claim('q', claimOptions(1, 9_000)));
    const leader = table.leader();
    const others = table.ids.filter((id) => id !== leader);
    for (const id of others) table.isolated.add(id);
    table.idle(7_000);
    table.isolated.clear();
    table.idle(3_500);
    expect(table.leader()).toBe(leader);
    expect(countsAt(table)).toMatchObject({ active: 0, waiting: 2 });
  });
});
