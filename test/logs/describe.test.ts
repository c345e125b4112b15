import { describe, expect, it } from 'vitest';
import { asIndex, asNodeId, asTerm, ZERO_ENTRY } from '../../src/base/ids.ts';
import { describeEvent, describeTotals } from '../../src/logs/describe.ts';
import type { NodeEvent } from '../../src/node/event.ts';
import { becomes, sends, started, timedOut } from './node-events.ts';

describe('an event as a sentence', () => {
  it.each<[string, NodeEvent]>([
    ['Node 1 timed out, starting election', timedOut(1)],
    ['Node 1 sends RPC RequestVote to Node 2', sends(1, 'request-vote', 2)],
    ['Node 1 sends RPC AppendEntries to Node 3', sends(1, 'append', 3)],
    ['Node 12 becomes leader', becomes(12, 'leader')],
  ])('has the words that the log analysers of other systems know: %s', (sentence, event) => expect(describeEvent(event)).toBe(sentence));

  const stamp = { node: asNodeId(1), atMs: 5 };
  it.each<[string, NodeEvent]>([
    ['Node 1 becomes pre-candidate', becomes(1, 'pre-candidate')],
    ['Node 1 starts in term 0 with entries up to 0, 0 of them known as committed', started(1)],
    ['Node 1 stops: stopped by its owner', { ...stamp, type: 'stopped', reason: 'stopped by its owner' }],
    ['Node 1 follows Node 2, leader of term 3', { ...stamp, type: 'leader-known', term: asTerm(3), leader: asNodeId(2) }],
    ['Node 1 votes for Node 2 in term 3', { ...stamp, type: 'voted', term: asTerm(3), candidate: asNodeId(2) }],
    ["Node 1 deletes its log from entry 7 on: it conflicts with the leader's", { ...stamp, type: 'truncated', from: asIndex(7) }],
    [
      'Node 1 closed the connection of 127.0.0.1:5000: it left 9 bytes of replies unread',
      { ...stamp, type: 'connection-dropped', peer: '127.0.0.1:5000', reason: 'it left 9 bytes of replies unread' },
    ],
    [
      'Node 1 is rejected at localhost:7102, the address of Node 2: this is node 3.',
      { ...stamp, type: 'peer-rejects', peer: asNodeId(2), address: 'localhost:7102', reason: 'this is node 3.' },
    ],
    ['Node 1 lost its channel to Node 2', { ...stamp, type: 'peer-lost', peer: asNodeId(2) }],
    [
      'Node 1 wrote a checkpoint up to entry 9: 1 record in 2.3 ms',
      { ...stamp, type: 'checkpoint', index: asIndex(9), records: 1, tookMs: 2.345 },
    ],
    ['Node 1 compacted its log up to entry 9', { ...stamp, type: 'compacted', upTo: asIndex(9) }],
    [
      'Node 1 sent Node 2 a snapshot up to entry 9 in 3 chunks',
      { ...stamp, type: 'snapshot-sent', to: asNodeId(2), index: asIndex(9), chunks: 3 },
    ],
    ['Node 1 installed a snapshot up to entry 9', { ...stamp, type: 'snapshot-installed', index: asIndex(9) }],
    ['Node 1 sends RPC RequestVoteResponse to Node 2', sends(1, 'vote-reply', 2)],
  ])('%s', (sentence, event) => expect(describeEvent(event)).toBe(sentence));

  it('does not change the event', () => {
    const event = Object.freeze({ ...started(1), last: Object.freeze({ ...ZERO_ENTRY }) });
    expect(() => describeEvent(event)).not.toThrow();
  });
});

describe('the totals', () => {
  it('name each RPC and peer', () => {
    expect(describeTotals(1, { AppendEntries: { 2: 120, 3: 118 }, RequestVote: { 2: 1 } })).toBe(
      'Node 1 sent AppendEntries: 120 to Node 2, 118 to Node 3; RequestVote: 1 to Node 2',
    );
    expect(describeTotals(4, {})).toBe('Node 4 sent no RPC');
  });
});
