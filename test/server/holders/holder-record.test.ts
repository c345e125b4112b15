import { describe, expect, it } from 'vitest';
import { HolderRecord } from '../../../src/server/holders/holder-record.ts';

const HOUR_MS = 3_600_000;

describe('the record of the holders of leases at one node', () => {
  it('has a holder as open until the last of its channels has ended', () => {
    const record = new HolderRecord(1_000);
    record.onOpened(7);
    record.onOpened(7);
    record.onClosed(7, true, 2_000);
    expect(record.report(3_000)).toEqual({ knownForMs: 2_000, open: [7], ended: [] });
    record.onClosed(7, true, 3_000);
    expect(record.report(5_000)).toEqual({ knownForMs: 4_000, open: [], ended: [{ holder: 7, agoMs: 2_000 }] });
  });

  it('has it as open again once it opens another one', () => {
    const record = new HolderRecord(0);
    record.onOpened(7);
    record.onClosed(7, true, 1_000);
    record.onOpened(7);
    expect(record.report(2_000)).toEqual({ knownForMs: 2_000, open: [7], ended: [] });
  });

  it('does not take a holder for ended that only stopped replying, as one whose event loop is blocked', () => {
    const record = new HolderRecord(0);
    record.onOpened(7);
    record.onClosed(7, false, 1_000);
    expect(record.report(60_000)).toEqual({ knownForMs: 60_000, open: [7], ended: [] });
    record.onOpened(7);
    record.onClosed(7, true, 61_000);
    expect(record.report(61_000)).toEqual({ knownForMs: 61_000, open: [], ended: [{ holder: 7, agoMs: 0 }] });
  });

  it('is bounded in time', () => {
    const record = new HolderRecord(0);
    for (const holder of [1, 2]) record.onOpened(holder);
    record.onClosed(1, true, 1_000);
    record.onClosed(2, false, 1_000);
    expect(record.report(HOUR_MS)).toMatchObject({ open: [2], ended: [{ holder: 1 }] });
    expect(record.report(HOUR_MS + 1_000)).toEqual({ knownForMs: HOUR_MS + 1_000, open: [], ended: [] });
  });

  it('is bounded in number, and counts from then on where it forgets a holder that may be there', () => {
    const record = new HolderRecord(0);
    const close = (holder: number, isEnded: boolean): void => {
      record.onOpened(holder);
      record.onClosed(holder, isEnded, 1_000);
    };
    for (let holder = 1; holder <= 10_001; holder += 1) close(holder, true);
    for (let holder = 20_001; holder <= 30_000; holder += 1) close(holder, false);
    const full = record.report(5_000);
    expect({ knownForMs: full.knownForMs, open: full.open.length, ended: full.ended.length }).toEqual({
      ...{ knownForMs: 5_000, open: 10_000, ended: 10_000 },
    });
    expect(full.ended[0]?.holder).toBe(2);
    close(30_001, false);
    const { knownForMs, open } = record.report(5_000);
    expect({ knownForMs, open: open.length, isForgotten: !open.includes(20_001) }).toEqual({
      ...{ knownForMs: 4_000, open: 10_000, isForgotten: true },
    });
  });
});
