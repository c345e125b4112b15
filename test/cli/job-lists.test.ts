import { describe, expect, it } from 'vitest';
import { remarkOf } from '../../src/cli/commands/job-lists.ts';

describe('the remark below a page of jobs', () => {
  it('says which positions it has, and how to read on', () => {
    expect(remarkOf('a', 'failed', 0, 20, 57)).toBe('Positions 0 to 19 of 57 failed jobs. For the next ones: --start 20.');
    expect(remarkOf('a', 'failed', 40, 17, 57)).toBe('Positions 40 to 56 of 57 failed jobs.');
  });

  it('says that there are none, in the state or on the page', () => {
    expect(remarkOf('a "b"', 'delayed', 0, 0, 0)).toBe('The queue "a \\"b\\"" has no delayed jobs.');
    expect(remarkOf('a', 'waiting', 60, 0, 57)).toBe('There are no jobs from position 60 on: 57 are waiting.');
  });
});
