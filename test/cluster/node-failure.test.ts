import { describe, expect, it } from 'vitest';
import { ForgottenEntriesError } from '../../src/base/invariant.ts';
import { failureOf } from '../../src/cluster/node-failure.ts';

describe('a leader that lacks entries which a follower has from it', () => {
  const error = new ForgottenEntriesError(2, 43, 18);

  it('is reported as a file older than what was acknowledged, with the file and the remedy, and is not rebuilt automatically', () => {
    expect(failureOf(error, '/data/node-1/jobraft.db')).toMatchObject({
      type: 'failed',
      // The name of a StorageError would cause the file to be moved aside.
      name: 'NodeFailedError',
      code: 'STORAGE_ROLLED_BACK',
      message: expect.stringMatching(
        /^\/data\/node-1\/jobraft\.db is older than what was acknowledged: its log ends at 18, and node 2 has entries up to 43.*put the latest file back/,
      ),
    });
  });

  it('is a violated invariant where there is no file', () => {
    expect(failureOf(error, undefined)).toMatchObject({ code: 'INVARIANT_VIOLATED' });
  });
});
