import { describe, expect, it } from 'vitest';
import { ConfigError, JobraftError } from '../../src/base/errors.ts';
import { asIndex, asTerm, nextIndex, nextTerm, previousIndex, ZERO_ENTRY } from '../../src/base/ids.ts';
import { assertNever, InvariantViolation, invariant } from '../../src/base/invariant.ts';

describe('an error that a user sees', () => {
  class DiskGone extends JobraftError {
    override readonly code = 'DISK_GONE';
    override readonly outcome = 'unknown';
  }

  it('has the name of its class, a code, an outcome, and its cause', () => {
    const cause = new Error('EIO');
    const error = new DiskGone('Replace the disk.', { cause });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name: 'DiskGone', code: 'DISK_GONE', outcome: 'unknown', message: 'Replace the disk.', cause });
  });

  it('of a setting names it, its value and the remedy, and nothing was applied', () => {
    const error = new ConfigError('raft.heartbeatMs', 0, 'Give a number of at least 1.');
    expect(error).toMatchObject({ name: 'ConfigError', code: 'CONFIG_INVALID', outcome: 'not-applied', key: 'raft.heartbeatMs', value: 0 });
    expect(error.message).toBe('Setting "raft.heartbeatMs" has the value 0. Give a number of at least 1.');
  });
});

describe('an invariant', () => {
  it('that holds does not build its explanation', () => {
    let built = 0;
    invariant(true, () => {
      built += 1;
      return '';
    });
    expect(built).toBe(0);
  });

  it('that is violated throws its explanation', () => {
    expect(() => invariant(false, () => 'applied 3 is past commit 2')).toThrow(new InvariantViolation('applied 3 is past commit 2'));
    expect(new InvariantViolation('x')).toMatchObject({
      name: 'InvariantViolation',
      code: 'INVARIANT_VIOLATED',
      message: 'Invariant violated: x',
    });
  });

  it('is not an error that a caller may handle', () => {
    expect(new InvariantViolation('x')).not.toBeInstanceOf(JobraftError);
  });

  it('rejects an unexpected variant at the end of an exhaustive switch', () => {
    expect(() => assertNever({ type: 'unknown' } as never)).toThrow(/unexpected variant \{"type":"unknown"\}/);
  });
});

describe('terms and indexes', () => {
  it('count up and down by one', () => {
    expect([nextTerm(asTerm(3)), nextIndex(asIndex(3)), previousIndex(asIndex(3))]).toEqual([4, 4, 2]);
  });

  it('begin before the log', () => {
    expect(ZERO_ENTRY).toEqual({ index: 0, term: 0 });
    expect(Object.isFrozen(ZERO_ENTRY)).toBe(true);
  });
});
