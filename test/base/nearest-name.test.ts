import { describe, expect, it } from 'vitest';
import { nearestName } from '../../src/base/nearest-name.ts';

const KNOWN = ['connection', 'delay', 'dir', 'dataDir', 'heartbeatMs', 'level', 'opts'];

describe('the name that was probably meant', () => {
  it.each([
    ['dealy', 'delay'],
    ['connexion', 'connection'],
    ['HEARTBEATMS', 'heartbeatMs'],
    ['lvl', 'level'],
    ['options', 'opts'],
    ['dataDirectory', 'dataDir'],
  ])('%s: %s', (given, meant) => expect(nearestName(given, KNOWN)).toBe(meant));

  it.each(['xyz', 'to', '', 'concurrency', 'q'])('is undefined for "%s", which resembles no known name', (given) =>
    expect(nearestName(given, KNOWN)).toBeUndefined(),
  );
});
