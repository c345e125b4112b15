import { describe, expect, it } from 'vitest';
import { Exclusive } from '../../src/cluster/exclusive.ts';

describe('exclusive tasks', () => {
  it('run one at a time, in the order of the calls', async () => {
    const exclusive = new Exclusive();
    const steps: string[] = [];
    const task = (name: string, turns: number) => async (): Promise<string> => {
      steps.push(`${name} begins`);
      for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      steps.push(`${name} ends`);
      return name;
    };
    expect(await Promise.all([exclusive.run(task('a', 5)), exclusive.run(task('b', 0)), exclusive.run(task('c', 2))])).toEqual([
      'a',
      'b',
      'c',
    ]);
    expect(steps).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
  });

  it('do not begin within the call: the caller finishes first', async () => {
    const exclusive = new Exclusive();
    let hasBegun = false;
    const run = exclusive.run(async () => {
      hasBegun = true;
    });
    expect(hasBegun).toBe(false);
    await run;
    expect(hasBegun).toBe(true);
  });

  it('reject with their own error only, whether they throw or reject', async () => {
    const exclusive = new Exclusive();
    const failed = exclusive.run(async () => {
      throw new Error('rejected');
    });
    const thrown = exclusive.run((): Promise<never> => {
      throw new Error('thrown');
    });
    const next = exclusive.run(async () => 'next');
    await expect(failed).rejects.toThrow('rejected');
    await expect(thrown).rejects.toThrow('thrown');
    expect(await next).toBe('next');
  });
});
