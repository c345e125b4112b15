import { describe, expect, it } from 'vitest';
import { ByteWriter } from '../../src/base/bytes.ts';
import { asIndex, asNodeId } from '../../src/base/ids.ts';
import {
  type ClientFrame,
  type NodeStatus,
  readClientFrames,
  readServerFrames,
  type ServerFrame,
  writeClientFrame,
  writeServerFrame,
} from '../../src/protocol/client-frame.ts';
import { type PeerPart, readPeerParts, writePeerPart } from '../../src/transport/peer-frame.ts';
import { bytesOf } from '../queue/harness.ts';
import { expectGolden, goldenBytes } from './golden-file.ts';

const FILE = 'frames.txt';
const SENDER = asNodeId(1);
const RECEIVER = asNodeId(2);
const REQUEST = bytesOf('the bytes of a request');
const CALL = 0xffff_fffe;
const LARGE = 2 ** 51 + 7;
const STATUS: NodeStatus = {
  node: 2,
  state: 'follower',
  term: 7,
  votedFor: null,
  leaderId: 1,
  commit: 40,
  applied: 39,
  firstIndex: 12,
  lastIndex: 41,
  lastTerm: 7,
  voters: [1, 2, 3],
  outgoing: [],
  learners: [4],
  joining: [],
  leaving: [],
  isSettled: true,
  isRemoved: false,
};

type OfEach<Frame extends { readonly type: string }> = { readonly [Type in Frame['type']]: Extract<Frame, { readonly type: Type }> };

const CLIENT_FRAMES: OfEach<ClientFrame> = {
  request: { type: 'request', request: REQUEST },
  query: { type: 'query', consistency: 'lease', request: REQUEST },
  'cancel-claim': { type: 'cancel-claim', client: LARGE, sequence: 9 },
  status: { type: 'status', call: CALL },
  log: { type: 'log', call: CALL, from: 1, to: 2 ** 40 },
  change: { type: 'change', call: CALL, add: [4, 5], remove: [1], learners: [6] },
  transfer: { type: 'transfer', call: CALL, to: 3 },
};

const SERVER_FRAMES: OfEach<ServerFrame> = {
  reply: { type: 'reply', reply: bytesOf('the bytes of a reply') },
  part: { type: 'part', first: 17, reply: bytesOf('the bytes of a part') },
  rejected: {
    type: 'rejected',
    client: LARGE,
    sequence: 9,
    code: 'RETRY_LATER',
    outcome: 'unknown',
    retryAfterMs: 1000,
    operations: [0, 3],
    message: 'Retry later. ü',
  },
  status: { type: 'status', call: CALL, status: STATUS },
  log: { type: 'log', call: CALL, entries: [{ index: 3, term: 2, kind: 'command', data: REQUEST }] },
  done: { type: 'done', call: CALL },
  'admin-rejected': { type: 'admin-rejected', call: CALL, reason: 'CHANGE_PENDING', leader: 1, message: 'Retry later.' },
};

/** Raft's messages have a file of their own. */
const PEER_PARTS: Omit<OfEach<PeerPart>, 'raft'> = {
  forward: { type: 'forward', connection: 3, request: REQUEST },
  'forward-reply': { type: 'forward-reply', connection: 3, frame: bytesOf('a frame for a client') },
  'cancel-claim': { type: 'cancel-claim', client: LARGE, sequence: 9 },
  'client-gone': { type: 'client-gone', connection: 3 },
  'read-index-request': { type: 'read-index-request', batch: 5, lease: true },
  'read-index': { type: 'read-index', batch: 5, index: asIndex(2 ** 40) },
  'version-request': { type: 'version-request' },
  version: { type: 'version', version: 3 },
};

/** How the bytes of one of the three tables of frames are written and read. */
function tableOf<Frame>(
  prefix: string,
  frames: object,
  write: (to: ByteWriter, frame: Frame) => void,
  read: (bytes: Uint8Array) => Frame[],
) {
  return Object.values(frames).map((frame: Frame & { readonly type: string }) => {
    const to = new ByteWriter();
    write(to, frame);
    return { name: `${prefix} ${frame.type}`, frame, bytes: to.copy(), read };
  });
}

const FRAMES = [
  ...tableOf<ClientFrame>('client', CLIENT_FRAMES, writeClientFrame, readClientFrames),
  ...tableOf<ServerFrame>('server', SERVER_FRAMES, writeServerFrame, readServerFrames),
  ...tableOf<PeerPart>('peer', PEER_PARTS, writePeerPart, (bytes) => readPeerParts(bytes, SENDER, RECEIVER)),
];

describe('the bytes of frames', () => {
  it('are those that earlier releases write and read', () => {
    expectGolden(FILE, Object.fromEntries(FRAMES.map(({ name, bytes }) => [name, bytes])));
  });

  it.each(FRAMES)('of the $name are decoded to the same frame', ({ name, frame, read }) => {
    expect(read(goldenBytes(FILE, name))).toEqual([frame]);
  });
});
