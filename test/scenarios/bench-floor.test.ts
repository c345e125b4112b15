import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { payloadsPerSecond } from '../../dist/eval/bench/payload-floor.js';

describe('the floor of large payloads', () => {
  it('is a rate, of one file and one database a node', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'jobraft-floor-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const perSecond = await payloadsPerSecond({ folder, nodes: 3, payloadBytes: 4_096, inFlight: 8, count: 50 });
    expect(perSecond).toBeGreaterThan(0);
    expect(readdirSync(folder).filter((name) => !/-(wal|shm)$/.test(name))).toEqual(
      [0, 1, 2].flatMap((node) => [`floor-payloads-${node}`, `floor-payloads-${node}.db`]),
    );
  });
});
