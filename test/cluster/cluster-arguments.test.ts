import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/base/errors.ts';
import { MEMBER_CHANGE, NODE_ID, NODE_IDS, parseSettings, WAIT_MS } from '../../src/cluster/cluster-arguments.ts';
import { DELAY, groupsOf, PAUSE_MS, PROBABILITY } from '../../src/testing/fault-arguments.ts';

const HOUR_MS = 3_600_000;

/** The error of an argument, as its parts. */
function faultOf(parse: () => unknown): Pick<ConfigError, 'key' | 'value' | 'message'> {
  try {
    parse();
  } catch (error) {
    if (error instanceof ConfigError) return { key: error.key, value: error.value, message: error.message };
    throw error;
  }
  throw new Error('The argument was accepted.');
}

describe('arguments of a cluster’s methods', () => {
  it.each([
    ['a node', NODE_ID, [1, 51, Number.MAX_SAFE_INTEGER], [0, -1, 1.5, '1', Number.NaN, 2 ** 53, null]],
    ['nodes', NODE_IDS, [[], [1], [3, 1]], [[1, 1], [0], ['1'], 1, null, { length: 0 }]],
    ['a wait', WAIT_MS, [0, 0.5, 1e9], [-1, Number.NaN, Number.POSITIVE_INFINITY, '5']],
    ['a pause', PAUSE_MS, [0, HOUR_MS], [-1, HOUR_MS + 1, '5']],
    ['a probability', PROBABILITY, [0, 0.5, 1], [-0.1, 1.1, Number.NaN, '0.5']],
    [
      'a delay',
      DELAY,
      [0, 20, HOUR_MS, { fromMs: 1, toMs: 1 }],
      [-1, HOUR_MS + 1, { fromMs: 2, toMs: 1 }, { fromMs: 1 }, { fromMs: 1, toMs: 2, x: 3 }, [1, 2]],
    ],
    ['groups', groupsOf([1, 2, 3]), [[], [[]], [[1], [3, 2]]], [[1], [[4]], [['1']], 'a', { 0: [1] }]],
  ])('accept %s, and reject what is none', (_, schema, fine, wrong) => {
    for (const value of fine) expect(parseSettings(schema, value, 'argument')).toEqual(value);
    for (const value of wrong) {
      const fault = faultOf(() => parseSettings(schema, value, 'argument'));
      expect(fault).toMatchObject({ key: 'argument', value });
    }
  });

  it('say what to give instead', () => {
    expect(faultOf(() => parseSettings(NODE_ID, 'one', 'node')).message).toMatch(/"node".*"one".*Node ids are whole numbers from 1 on/s);
    expect(faultOf(() => parseSettings(groupsOf([1, 2]), [[7]], 'groups')).message).toMatch(/The cluster's nodes are 1, 2\./);
  });

  it('have defaults in a change of members, which names its own settings', () => {
    expect(parseSettings(MEMBER_CHANGE, {}, 'change')).toEqual({ add: [], remove: [] });
    expect(parseSettings(MEMBER_CHANGE, { add: [4] }, 'change')).toEqual({ add: [4], remove: [] });
    expect(faultOf(() => parseSettings(MEMBER_CHANGE, { add: [4], remove: ['x'] }, 'change'))).toMatchObject({
      key: 'remove',
      value: ['x'],
    });
    expect(faultOf(() => parseSettings(MEMBER_CHANGE, [4], 'change'))).toMatchObject({ key: 'change', value: [4] });
  });

  it('report an unknown name before anything else: it explains a setting that seems to be missing', () => {
    expect(faultOf(() => parseSettings(MEMBER_CHANGE, { ad: [4], remove: 'x' }, 'change'))).toMatchObject({ key: 'ad' });
  });
});
