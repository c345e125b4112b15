import { describe, expect, it } from 'vitest';
import { PATTERN_TIMES } from '../../src/patterns/pattern-times.ts';
import { MACHINE_VERSION } from '../../src/protocol/machine-version.ts';
import { NO_OFFSET } from '../../src/protocol/scheduler.ts';
import type { PatternTimes } from '../../src/queue/requests/pattern-times.ts';
import { bytesOf, options } from '../queue/harness.ts';
import { NodeTable } from './node-table.ts';

const VERSIONS = [MACHINE_VERSION, MACHINE_VERSION, MACHINE_VERSION];
const EVERY_SECOND = {
  ...{ scheduler: 's', everyMs: 0, offsetMs: NO_OFFSET, pattern: '* * * * * *', tz: 'Europe/Berlin' },
  ...{ startMs: 0, endMs: 0, ticksMax: 0, isImmediate: false },
};

function set(nodes: NodeTable): void {
  const client = nodes.open();
  nodes.request(client, (to) => to.upsertScheduler('q', EVERY_SECOND, bytesOf('tick'), options()));
}

const waitingAt = (nodes: NodeTable, id: number): number => nodes.node(id).machine.counts('q').waiting;

describe('a job scheduler with a pattern', () => {
  it('ticks on all nodes at the times that the leader computes, without a request', () => {
    const nodes = new NodeTable(VERSIONS);
    set(nodes);
    nodes.pass(10_000);
    for (const id of nodes.ids) expect(Math.abs(waitingAt(nodes, id) - 10)).toBeLessThanOrEqual(1);
  });

  it('goes on under the next leader, and adds one job for the ticks that were missed meanwhile', () => {
    const nodes = new NodeTable(VERSIONS);
    set(nodes);
    nodes.pass(3_000);
    const old = nodes.leader();
    const before = waitingAt(nodes, old);
    nodes.isolated.add(old);
    nodes.pass(5_000);
    const next = nodes.ids.find((id) => id !== old && nodes.node(id).view.role === 'leader') ?? 0;
    expect(waitingAt(nodes, next)).toBeGreaterThan(before);
    nodes.isolated.delete(old);
    nodes.pass(3_000);
    expect(waitingAt(nodes, next)).toBeLessThanOrEqual(before + 9);
    expect(new Set(nodes.ids.map((id) => nodes.node(id).machine.digest())).size).toBe(1);
  });

  it('that no node can compute is reported, and stalls neither requests nor delays', () => {
    let isBroken = false;
    const times: PatternTimes = {
      next: (...args) => {
        if (isBroken) throw new Error('no such time zone');
        return PATTERN_TIMES.next(...args);
      },
    };
    const nodes = new NodeTable(VERSIONS, undefined, undefined, undefined, times);
    set(nodes);
    isBroken = true;
    nodes.pass(3_000);
    const client = nodes.open();
    const before = waitingAt(nodes, nodes.leader());
    nodes.add(client, 500);
    nodes.pass(1_000);
    expect(waitingAt(nodes, nodes.leader())).toBe(before + 1);
    const faults = nodes.events.filter(({ type }) => type === 'supply-failed');
    expect(faults).toMatchObject([{ reason: expect.stringContaining('"s" of queue "q"') }]);
    isBroken = false;
    nodes.pass(60_000);
    expect(waitingAt(nodes, nodes.leader())).toBeGreaterThan(before + 1);
  });

  it('is rejected before the log if its time zone is not known', () => {
    const nodes = new NodeTable(VERSIONS);
    const client = nodes.open();
    const wrong = { ...EVERY_SECOND, tz: 'Europe/Atlantis' };
    expect(() => nodes.request(client, (to) => to.upsertScheduler('q', wrong, bytesOf(''), options()))).toThrow(/INVALID_REQUEST/);
  });
});
