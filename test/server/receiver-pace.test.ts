import { describe, expect, it } from 'vitest';
import { ReceiverPace } from '../../src/server/receiver-pace.ts';

const aPace = (): ReceiverPace => new ReceiverPace(60_000, 1_000);

describe('the pace of a receiver', () => {
  it('lets one wait that takes nothing as long as it may', () => {
    const pace = aPace();
    expect(pace.leftMs).toBe(60_000);
    expect(pace.reasonAfter(60_000)).toBe('took nothing for 60000 ms');
  });

  it('suffices for ever if it is the least that is allowed', () => {
    const pace = aPace();
    for (let n = 0; n < 1_000; n += 1) {
      pace.onTaken(50_000, 50_000);
      expect(pace.leftMs).toBe(60_000);
    }
  });

  it('does not suffice if it is less, however often something is taken', () => {
    const pace = aPace();
    let taken = 0;
    for (; pace.leftMs > 0; taken += 1) pace.onTaken(10, 500);
    // Of each 500 ms it has taken enough for 10.
    expect(taken).toBe(Math.ceil(60_000 / 490));
    expect(pace.reasonAfter(0)).toBe(`took ${taken * 10} bytes in ${taken * 500} ms, and must take 1000 a second`);
  });

  it('suffices again for one that was slow for a while', () => {
    const pace = aPace();
    pace.onTaken(1_000, 50_000);
    expect(pace.leftMs).toBe(11_000);
    pace.onTaken(30_000, 1_000);
    expect(pace.leftMs).toBe(40_000);
    pace.onTaken(1_000_000, 1_000);
    expect(pace.leftMs).toBe(60_000);
    // What it took before does not hide that it takes nothing now.
    expect(pace.reasonAfter(60_000)).toBe('took nothing for 60000 ms');
  });
});
