import { ByteReader, type ByteWriter, MalformedBytesError } from '../base/bytes.ts';
import { assertNever } from '../base/invariant.ts';

/**
 * The frames between a client and its node. A packet is a sequence of frames, each after its u32 length, so everything that one turn sends
 * to one client fits in one packet.
 */
export type ClientFrame =
  /** A batch of queue operations as `RequestEncoder` made it; answered by `reply` or `rejected`. */
  | { readonly type: 'request'; readonly request: Uint8Array }
  /** Read-only operations, in the same form, and without a session: they do not go through the log. Answered like a request. */
  | { readonly type: 'query'; readonly consistency: ReadConsistency; readonly request: Uint8Array }
  /**
   * The client cancels a claim that it sent on this channel. If the claim is parked, it is answered now, through the log;
   * otherwise the frame has no effect.
   */
  | { readonly type: 'cancel-claim'; readonly client: number; readonly sequence: number }
  | { readonly type: 'status'; readonly call: number }
  | { readonly type: 'log'; readonly call: number; readonly from: number; readonly to: number }
  /** A membership change (Raft §6); only a leader accepts it. Answered by `done` once it is in the log, or by `admin-rejected`. */
  | {
      readonly type: 'change';
      readonly call: number;
      readonly add: readonly number[];
      readonly remove: readonly number[];
      readonly learners: readonly number[];
    }
  /**
   * A leadership transfer: to node `to`, or to the one with the most advanced log if it is zero. Answered by `done` once it begins, or by
   * `admin-rejected`.
   */
  | { readonly type: 'transfer'; readonly call: number; readonly to: number };

/**
 * How recent the state read is.
 * - `linearizable`: it includes everything that was answered before the read; the leader confirms with a majority that it leads
 *   (ReadIndex).
 * - `lease`: the same without asking, while a majority has recently promised not to elect another leader. Assumes that the clocks of all
 *   nodes run at nearly the same rate (see `leaseMs`); without a lease it is `linearizable`.
 * - `stale`: whatever the contacted node has applied; it needs no leader.
 */
export type ReadConsistency = 'linearizable' | 'lease' | 'stale';
export const READ_CONSISTENCIES = ['linearizable', 'lease', 'stale'] as const satisfies readonly ReadConsistency[];

export type AdminRejectionReason =
  | 'NOT_LEADER'
  | 'NOT_READY'
  | 'CHANGE_PENDING'
  | 'INVALID'
  | 'TRANSFERRING'
  | 'OVERLOADED'
  | 'ACCESS_DENIED';
const ADMIN_REJECTION_REASONS: readonly AdminRejectionReason[] = [
  'NOT_LEADER',
  'NOT_READY',
  'CHANGE_PENDING',
  'INVALID',
  'TRANSFERRING',
  'OVERLOADED',
  'ACCESS_DENIED',
];

/**
 * `RETRY_LATER`: a claim would have to wait for a job, and the leader's limit of waiting claims is reached. `ACCESS_DENIED`: the client's token
 * does not permit it.
 */
export type RejectionCode =
  | 'NO_LEADER'
  | 'OVERLOADED'
  | 'TOO_LARGE'
  | 'INVALID_REQUEST'
  | 'STOPPING'
  | 'VERSION'
  | 'RETRY_LATER'
  | 'ACCESS_DENIED';
export const REJECTION_CODES: readonly RejectionCode[] = [
  'NO_LEADER',
  'OVERLOADED',
  'TOO_LARGE',
  'INVALID_REQUEST',
  'STOPPING',
  'VERSION',
  'RETRY_LATER',
  'ACCESS_DENIED',
];

/** One entry in the reply to GetLog. */
export interface LogEntryView {
  readonly index: number;
  readonly term: number;
  readonly kind: string;
  readonly data: Uint8Array;
}

/** The reply to GetStatus. */
export interface NodeStatus {
  readonly node: number;
  readonly state: 'follower' | 'pre-candidate' | 'candidate' | 'leader';
  readonly term: number;
  readonly votedFor: number | null;
  readonly leaderId: number | null;
  readonly commit: number;
  readonly applied: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly lastTerm: number;
  /** The voters; while `outgoing` is not empty, a majority of it is needed as well (joint consensus). */
  readonly voters: readonly number[];
  readonly outgoing: readonly number[];
  /** Members that receive the log without a vote. */
  readonly learners: readonly number[];
  /** Learners that become voters once they have caught up. */
  readonly joining: readonly number[];
  /** Voters that are removed when the joining ones become voters. */
  readonly leaving: readonly number[];
  /** The members are committed here, and the configuration is not joint. */
  readonly isSettled: boolean;
  /** The node learned that it is no longer a member. */
  readonly isRemoved: boolean;
}

export type ServerFrame =
  /** A reply of the queue's state machine; it contains its client and sequence. */
  | { readonly type: 'reply'; readonly reply: Uint8Array }
  /** The results of some operations of a query, from place `first` on, in the form of a reply; the others come in other parts. */
  | { readonly type: 'part'; readonly first: number; readonly reply: Uint8Array }
  /**
   * The request was not executed as far as this node knows. `unknown` means that it may still take effect, so it may
   * be repeated only with the same sequence.
   */
  | {
      readonly type: 'rejected';
      readonly client: number;
      readonly sequence: number;
      readonly code: RejectionCode;
      readonly outcome: 'not-applied' | 'unknown';
      /** With `RETRY_LATER`: how long the client should wait before it sends the request again. */
      readonly retryAfterMs?: number;
      /** The invalid operations, by their place in the request, in ascending order; empty if the request as a whole is rejected. */
      readonly operations: readonly number[];
      readonly message: string;
    }
  | { readonly type: 'status'; readonly call: number; readonly status: NodeStatus }
  | { readonly type: 'log'; readonly call: number; readonly entries: readonly LogEntryView[] }
  | { readonly type: 'done'; readonly call: number }
  | {
      readonly type: 'admin-rejected';
      readonly call: number;
      readonly reason: AdminRejectionReason;
      /** Zero if the node knows of none. */
      readonly leader: number;
      readonly message: string;
    };

const QUERY = 4;
const CANCEL_CLAIM = 18;
const CHANGE = 16;
const TRANSFER = 17;
const DONE = 16;
const ADMIN_REJECTED = 17;
const PART = 18;

export function writeClientFrame(to: ByteWriter, frame: ClientFrame): void {
  const lengthAt = to.reserve(4);
  switch (frame.type) {
    case 'request':
      to.u8(1);
      to.raw(frame.request);
      break;
    case 'query':
      to.u8(QUERY);
      to.u8(READ_CONSISTENCIES.indexOf(frame.consistency));
      to.raw(frame.request);
      break;
    case 'cancel-claim':
      to.u8(CANCEL_CLAIM);
      to.f64(frame.client);
      to.f64(frame.sequence);
      break;
    case 'status':
      to.u8(2);
      to.u32(frame.call);
      break;
    case 'log':
      to.u8(3);
      to.u32(frame.call);
      to.f64(frame.from);
      to.f64(frame.to);
      break;
    case 'change':
      to.u8(CHANGE);
      to.u32(frame.call);
      for (const nodes of [frame.add, frame.remove, frame.learners]) {
        to.u32(nodes.length);
        for (const node of nodes) to.f64(node);
      }
      break;
    case 'transfer':
      to.u8(TRANSFER);
      to.u32(frame.call);
      to.f64(frame.to);
      break;
    default:
      assertNever(frame);
  }
  to.patchU32(lengthAt, to.length - lengthAt - 4);
}

/** @throws {MalformedBytesError} */
export function readClientFrames(packet: Uint8Array): ClientFrame[] {
  const frames: ClientFrame[] = [];
  const reader = new ByteReader(packet);
  while (reader.remaining > 0) {
    const body = reader.blobReader();
    const kind = body.u8();
    if (kind === 1) frames.push({ type: 'request', request: body.raw(body.remaining) });
    else if (kind === QUERY) {
      const consistency = READ_CONSISTENCIES[body.u8()];
      if (consistency === undefined) throw new MalformedBytesError('query of unknown consistency');
      frames.push({ type: 'query', consistency, request: body.raw(body.remaining) });
    } else if (kind === 2) frames.push({ type: 'status', call: body.u32() });
    else if (kind === 3) frames.push({ type: 'log', call: body.u32(), from: readWhole(body, 0), to: readWhole(body, 0) });
    else if (kind === CHANGE) {
      frames.push({ type: 'change', call: body.u32(), add: readNodes(body), remove: readNodes(body), learners: readNodes(body) });
    } else if (kind === CANCEL_CLAIM) frames.push({ type: 'cancel-claim', client: readWhole(body, 0), sequence: readWhole(body, 0) });
    else if (kind === TRANSFER) frames.push({ type: 'transfer', call: body.u32(), to: readWhole(body, 0) });
    else throw new MalformedBytesError(`client frame of unknown kind ${kind}`);
  }
  return frames;
}

function readNodes(body: ByteReader): number[] {
  const nodes: number[] = [];
  const count = body.u32();
  for (let read = 0; read < count; read += 1) nodes.push(readWhole(body, 1));
  if (new Set(nodes).size !== nodes.length) throw new MalformedBytesError('a list of nodes names one twice');
  return nodes;
}

function readPlaces(body: ByteReader): number[] {
  const places: number[] = [];
  const count = body.u32();
  for (let read = 0; read < count; read += 1) {
    const at = body.u32();
    if (at <= (places.at(-1) ?? -1)) throw new MalformedBytesError('the places of operations do not ascend');
    places.push(at);
  }
  return places;
}

/** Ids and indexes are doubles on the wire; rejects all other double values here. */
function readWhole(body: ByteReader, least: number): number {
  const value = body.f64();
  if (!Number.isSafeInteger(value) || value < least) throw new MalformedBytesError(`${value} is no integer of at least ${least}`);
  return value;
}

export function writeServerFrame(to: ByteWriter, frame: ServerFrame): void {
  const lengthAt = to.reserve(4);
  switch (frame.type) {
    case 'reply':
      to.u8(1);
      to.raw(frame.reply);
      break;
    case 'part':
      to.u8(PART);
      to.u32(frame.first);
      to.raw(frame.reply);
      break;
    case 'rejected':
      to.u8(2);
      to.f64(frame.client);
      to.f64(frame.sequence);
      to.u8(REJECTION_CODES.indexOf(frame.code));
      to.u8(frame.outcome === 'unknown' ? 1 : 0);
      to.u32(frame.retryAfterMs ?? 0);
      to.u32(frame.operations.length);
      for (const at of frame.operations) to.u32(at);
      to.text(frame.message);
      break;
    case 'status':
      to.u8(3);
      to.u32(frame.call);
      to.text(JSON.stringify(frame.status));
      break;
    case 'log':
      to.u8(4);
      to.u32(frame.call);
      to.u32(frame.entries.length);
      for (const entry of frame.entries) {
        to.f64(entry.index);
        to.f64(entry.term);
        to.text(entry.kind);
        to.blob(entry.data);
      }
      break;
    case 'done':
      to.u8(DONE);
      to.u32(frame.call);
      break;
    case 'admin-rejected':
      to.u8(ADMIN_REJECTED);
      to.u32(frame.call);
      to.u8(ADMIN_REJECTION_REASONS.indexOf(frame.reason));
      to.f64(frame.leader);
      to.text(frame.message);
      break;
    default:
      assertNever(frame);
  }
  to.patchU32(lengthAt, to.length - lengthAt - 4);
}

/** @throws {MalformedBytesError} */
export function readServerFrames(packet: Uint8Array): ServerFrame[] {
  const frames: ServerFrame[] = [];
  const reader = new ByteReader(packet);
  while (reader.remaining > 0) frames.push(readServerFrame(reader.blob()));
  return frames;
}

function readServerFrame(bytes: Uint8Array): ServerFrame {
  const body = new ByteReader(bytes);
  const kind = body.u8();
  switch (kind) {
    case 1:
      return { type: 'reply', reply: bytes.subarray(1) };
    case 2: {
      const client = body.f64();
      const sequence = body.f64();
      const code = REJECTION_CODES[body.u8()];
      if (code === undefined) throw new MalformedBytesError('rejection of unknown code');
      const outcome = body.u8() === 1 ? 'unknown' : 'not-applied';
      const retryAfterMs = body.u32();
      const operations = readPlaces(body);
      return { type: 'rejected', client, sequence, code, outcome, retryAfterMs, operations, message: body.text() };
    }
    case 3:
      return { type: 'status', call: body.u32(), status: parseStatus(body.text()) };
    case 4: {
      const call = body.u32();
      const count = body.u32();
      const entries: LogEntryView[] = [];
      for (let read = 0; read < count; read += 1) {
        entries.push({ index: body.f64(), term: body.f64(), kind: body.text(), data: body.blob() });
      }
      return { type: 'log', call, entries };
    }
    case PART:
      return { type: 'part', first: body.u32(), reply: bytes.subarray(5) };
    case DONE:
      return { type: 'done', call: body.u32() };
    case ADMIN_REJECTED: {
      const call = body.u32();
      const reason = ADMIN_REJECTION_REASONS[body.u8()];
      if (reason === undefined) throw new MalformedBytesError('rejection for an unknown reason');
      return { type: 'admin-rejected', call, reason, leader: body.f64(), message: body.text() };
    }
    default:
      throw new MalformedBytesError(`server frame of unknown kind ${kind}`);
  }
}

function parseStatus(text: string): NodeStatus {
  let status: unknown;
  try {
    status = JSON.parse(text);
  } catch {
    throw new MalformedBytesError('a status is not valid JSON');
  }
  if (typeof status !== 'object' || status === null) throw new MalformedBytesError('a status is not an object');
  // The only cast: the node that sent this text built it from a NodeStatus.
  return status as NodeStatus;
}
