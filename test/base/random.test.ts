import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../src/base/random.ts';

const draws = (seed: number, count: number): number[] => {
  const random = new SeededRandom(seed);
  return Array.from({ length: count }, () => random.nextUint32());
};

describe('the seeded generator', () => {
  it('gives the same numbers for the same seed', () => {
    expect(draws(42, 100)).toEqual(draws(42, 100));
  });

  it('gives other numbers for neighbouring seeds, from the first on', () => {
    const first = Array.from({ length: 1000 }, (_, seed) => draws(seed, 1)[0]);
    expect(new Set(first).size).toBe(1000);
  });

  it('takes any integer as seed, and its low 32 bits count', () => {
    expect(draws(-1, 3)).toEqual(draws(0xffff_ffff, 3));
    expect(draws(0, 50).some((value) => value !== 0)).toBe(true);
  });

  it('stays in 32 bits, and covers them evenly', () => {
    const buckets = new Array<number>(16).fill(0);
    for (const value of draws(7, 16_000)) {
      expect(Number.isInteger(value) && value >= 0 && value < 2 ** 32).toBe(true);
      const bucket = value >>> 28;
      buckets[bucket] = (buckets[bucket] ?? 0) + 1;
    }
    for (const count of buckets) expect(Math.abs(count - 1000)).toBeLessThan(200);
  });

  it('gives units in [0, 1), and numbers between two bounds', () => {
    const random = new SeededRandom(3);
    for (let count = 0; count < 2000; count += 1) {
      const unit = random.nextUnit();
      expect(unit >= 0 && unit < 1).toBe(true);
      const between = random.nextBetween(150, 300);
      expect(between >= 150 && between < 300).toBe(true);
    }
    expect(random.nextBetween(5, 5)).toBe(5);
  });
});
