import { describe, expect, it } from 'vitest';
import { openingOfVersion1 } from '../../src/client/delivery/version-1.ts';

const reply = { client: 2 ** 51 + 7, sequence: 1 };

describe('an opening that a leader of version 1 executed', () => {
  it('is rejected as by a cluster of another version, so that it is repeated', () => {
    expect(openingOfVersion1({ ...reply, results: [{ ok: true, type: 'done' }] })).toMatchObject({
      ...reply,
      code: 'VERSION',
      outcome: 'not-applied',
      message: expect.stringContaining('upgrade the others, then retry'),
    });
  });

  it('is neither one that opened a session nor one that failed', () => {
    expect(openingOfVersion1({ ...reply, results: [{ ok: true, type: 'opened', client: 3 }] })).toBeUndefined();
    const failed = { ok: false, code: 'INVALID_REQUEST', message: 'malformed', job: undefined, state: undefined } as const;
    expect(openingOfVersion1({ ...reply, results: [failed] })).toBeUndefined();
    expect(openingOfVersion1({ ...reply, results: [] })).toBeUndefined();
  });
});
