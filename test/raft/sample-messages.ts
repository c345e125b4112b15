import { makeGeneration } from '../../src/base/generation.ts';
import { asDiskId, asIndex, asNodeId, asTerm } from '../../src/base/ids.ts';
import { encodeConfiguration } from '../../src/raft/configuration-codec.ts';
import { type Configuration, configurationOf } from '../../src/raft/entry.ts';
import type { RaftMessage, RaftMessageType } from '../../src/raft/message.ts';
import { bytesOf } from '../queue/harness.ts';

/** Of every sample. */
export const ENVELOPE = { from: asNodeId(1), to: asNodeId(2), term: asTerm(7) };
const LAST = { index: asIndex(2 ** 40), term: asTerm(6) };
const GENERATION = makeGeneration(70, 3);
const DISK = asDiskId(2 ** 48 + 5);

export const PLAIN: Configuration = configurationOf({ voters: [1, 2, 3].map(asNodeId) });
export const FULL: Configuration = {
  voters: [2, 3, 4].map(asNodeId),
  outgoing: [1, 2, 3].map(asNodeId),
  learners: [5].map(asNodeId),
  joining: [6].map(asNodeId),
  leaving: [2].map(asNodeId),
  disks: [
    { node: asNodeId(3), disk: DISK },
    { node: asNodeId(4), disk: asDiskId(77), generation: GENERATION },
  ],
};
export const DISKS_ONLY: Configuration = { ...PLAIN, disks: [{ node: asNodeId(3), disk: DISK }] };
/** One message of each type, with a value in every field. */
export const MESSAGES: { readonly [Type in RaftMessageType]: Extract<RaftMessage, { readonly type: Type }> } = {
  'request-vote': {
    type: 'request-vote',
    ...ENVELOPE,
    last: LAST,
    preVote: true,
    transfer: true,
    voterDisk: DISK,
    voterGeneration: GENERATION,
  },
  'vote-reply': { type: 'vote-reply', ...ENVELOPE, preVote: false, granted: true, removedBy: asIndex(41) },
  append: {
    type: 'append',
    ...ENVELOPE,
    prev: LAST,
    commit: asIndex(2 ** 40 - 1),
    round: 12,
    entries: [
      { index: asIndex(2 ** 40 + 1), term: asTerm(6), kind: 'noop', data: new Uint8Array(0) },
      { index: asIndex(2 ** 40 + 2), term: asTerm(7), kind: 'command', data: bytesOf('a command') },
      { index: asIndex(2 ** 40 + 3), term: asTerm(7), kind: 'configuration', data: encodeConfiguration(PLAIN) },
    ],
  },
  'append-accepted': { type: 'append-accepted', ...ENVELOPE, round: 12, disk: DISK, match: asIndex(40), generation: GENERATION },
  'append-rejected': {
    type: 'append-rejected',
    ...ENVELOPE,
    round: 12,
    disk: DISK,
    rejected: asIndex(40),
    hint: { index: asIndex(30), term: asTerm(5) },
    generation: GENERATION,
  },
  'install-snapshot': {
    type: 'install-snapshot',
    ...ENVELOPE,
    snapshot: { ...LAST, configuration: FULL },
    chunk: 3,
    done: true,
    data: bytesOf('records'),
  },
  'snapshot-reply': { type: 'snapshot-reply', ...ENVELOPE, snapshot: LAST, nextChunk: 4 },
  'timeout-now': { type: 'timeout-now', ...ENVELOPE },
};
