import { describe, expect, it } from 'vitest';
import { Fifo } from '../../eval/load/fifo.ts';
import { SeededRandom } from '../../src/base/random.ts';

describe('a queue of the load', () => {
  it('returns items in the order in which they came, whatever is taken in between', () => {
    const random = new SeededRandom(1);
    const fifo = new Fifo<number>();
    const expected: number[] = [];
    for (let n = 0; n < 10_000; n += 1) {
      if (random.nextUint32() < 0.52 * 2 ** 32) {
        fifo.push(n);
        expected.push(n);
      } else expect(fifo.shift()).toBe(expected.shift());
      expect(fifo.length).toBe(expected.length);
    }
    const cleared = new Fifo<number>();
    cleared.push(1);
    cleared.clear();
    expect([cleared.length, cleared.shift()]).toEqual([0, undefined]);
    expect(Array.from({ length: fifo.length + 1 }, () => fifo.shift())).toEqual([...expected, undefined]);
  });
});
