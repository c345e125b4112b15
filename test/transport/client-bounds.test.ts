import { describe, expect, it } from 'vitest';
import { ClientBounds } from '../../src/transport/grpc/client-bounds.ts';
import { DropReports } from '../../src/transport/grpc/drop-reports.ts';

function aClock() {
  const clock = { ms: 0 };
  const bounds = (config: Partial<ConstructorParameters<typeof ClientBounds>[0]>): ClientBounds =>
    new ClientBounds({ connectionsMax: 2, callsMax: 2, requestsPerSecondMax: 0, ...config }, () => clock.ms);
  return { clock, bounds };
}

describe('the bounds of clients', () => {
  it('count connections and calls of each one by itself', () => {
    const bounds = aClock().bounds({});
    expect([1, 2, 3].map(() => bounds.openConnection('web'))).toEqual([true, true, false]);
    expect(bounds.openConnection('other')).toBe(true);
    bounds.closeConnection('web');
    expect(bounds.openConnection('web')).toBe(true);
    expect([1, 2, 3].map(() => bounds.beginCall('web'))).toEqual([true, true, false]);
    bounds.endCall('web');
    expect(bounds.beginCall('web')).toBe(true);
    expect(bounds.rejected).toEqual({ connections: 1, calls: 1, requests: 0, rejections: 0 });
  });

  it('let one ask for so much each second, and say when it may go on', () => {
    const { clock, bounds: make } = aClock();
    const bounds = make({ requestsPerSecondMax: 100 });
    // More than a second's share gets through at once, and is paid back.
    expect(bounds.takeRequests('web', 300)).toBe(0);
    expect(bounds.takeRequests('web', 1)).toBe(2_010);
    expect(bounds.takeRequests('other', 1)).toBe(0);
    clock.ms += 2_010;
    expect(bounds.takeRequests('web', 1)).toBe(0);
    expect(bounds.rejected.requests).toBe(1);
    expect(make({}).takeRequests('web', 1e9)).toBe(0);
  });

  it('let one connect at once as often as it may be connected, then a hundred times a second', () => {
    const { clock, bounds: make } = aClock();
    const bounds = make({});
    expect([1, 2, 3].map(() => bounds.mayConnect('10.0.0.1'))).toEqual([true, true, false]);
    clock.ms += 10;
    expect(bounds.mayConnect('10.0.0.1')).toBe(true);
  });

  it('give up one that goes on after a thousand rejections', () => {
    const bounds = aClock().bounds({});
    const results = Array.from({ length: 1_001 }, () => bounds.onRejected('web'));
    expect([results.slice(0, 1_000).every(Boolean), results[1_000]]).toEqual([true, false]);
  });

  it('know at most 20,000 that have nothing open', () => {
    const bounds = aClock().bounds({ requestsPerSecondMax: 1 });
    bounds.openConnection('web');
    bounds.takeRequests('web', 5);
    for (let client = 0; client < 40_000; client += 1) bounds.mayConnect(`${client}`);
    expect(bounds.takeRequests('web', 1)).toBe(5_000);
  });
});

describe('closed connections', () => {
  it('are reported up to twenty in ten seconds, then by their number', () => {
    const reported: string[] = [];
    const drops = new DropReports((peer, reason) => reported.push(`${peer}: ${reason}`));
    for (let peer = 0; peer < 100; peer += 1) drops.add(`${peer}`, 'garbage', peer);
    expect(reported).toHaveLength(20);
    drops.add('100', 'garbage', 10_000);
    expect(reported.at(-1)).toBe('100: garbage (80 more were closed before, without a report)');
  });
});
