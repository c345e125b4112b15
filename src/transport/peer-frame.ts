import { ByteReader, type ByteWriter } from '../base/bytes.ts';
import { asIndex, type LogIndex, type NodeId } from '../base/ids.ts';
import { assertNever } from '../base/invariant.ts';
import type { RaftMessage } from '../raft/message.ts';
import { readMessage, writeMessage } from '../raft/message-codec.ts';

/**
 * The frames between two nodes. A frame is a sequence of parts, each after its u32 length, so everything that one turn sends to
 * one peer fits in one frame. Sender and receiver are known from the channel and are not repeated.
 */
export type PeerPart =
  | { readonly type: 'raft'; readonly message: RaftMessage }
  /** A client's request, forwarded to the leader; `connection` is the sender's number of the client. */
  | { readonly type: 'forward'; readonly connection: number; readonly request: Uint8Array }
  /** The leader's reply to it: a server frame, to be passed to the client unchanged. */
  | { readonly type: 'forward-reply'; readonly connection: number; readonly frame: Uint8Array }
  /** The client of a forwarded claim cancelled it; see the client frame of this name. */
  | { readonly type: 'cancel-claim'; readonly client: number; readonly sequence: number }
  /** The channel of one of the sender's clients ended: what was forwarded for it needs no reply. */
  | { readonly type: 'client-gone'; readonly connection: number }
  /** A follower requests from the leader the index from which on it may serve queries (ReadIndex); `batch` is the follower's own number. */
  | { readonly type: 'read-index-request'; readonly batch: number; readonly lease: boolean }
  /** The reply; without an index the receiver of the request does not lead. */
  | { readonly type: 'read-index'; readonly batch: number; readonly index: LogIndex | undefined }
  /** The leader requests the receiver's state-machine versions. */
  | { readonly type: 'version-request' }
  /** The newest state-machine version that the sender has. */
  | { readonly type: 'version'; readonly version: number };

const FORWARD = 64;
const FORWARD_REPLY = 65;
const READ_INDEX_REQUEST = 66;
const READ_INDEX = 67;
const VERSION_REQUEST = 68;
const VERSION = 69;
const CANCEL_CLAIM = 70;
const CLIENT_GONE = 71;
/** Represents no index. */
const NO_INDEX = -1;

export function writePeerPart(to: ByteWriter, part: PeerPart): void {
  const lengthAt = to.reserve(4);
  switch (part.type) {
    case 'raft':
      writeMessage(to, part.message);
      break;
    case 'forward':
      to.u8(FORWARD);
      to.f64(part.connection);
      to.raw(part.request);
      break;
    case 'forward-reply':
      to.u8(FORWARD_REPLY);
      to.f64(part.connection);
      to.raw(part.frame);
      break;
    case 'cancel-claim':
      to.u8(CANCEL_CLAIM);
      to.f64(part.client);
      to.f64(part.sequence);
      break;
    case 'client-gone':
      to.u8(CLIENT_GONE);
      to.f64(part.connection);
      break;
    case 'read-index-request':
      to.u8(READ_INDEX_REQUEST);
      to.f64(part.batch);
      to.u8(part.lease ? 1 : 0);
      break;
    case 'read-index':
      to.u8(READ_INDEX);
      to.f64(part.batch);
      to.f64(part.index ?? NO_INDEX);
      break;
    case 'version-request':
      to.u8(VERSION_REQUEST);
      break;
    case 'version':
      to.u8(VERSION);
      to.u16(part.version);
      break;
    default:
      assertNever(part);
  }
  to.patchU32(lengthAt, to.length - lengthAt - 4);
}

/** Entries and requests share memory with `frame`. @throws {MalformedBytesError} */
export function readPeerParts(frame: Uint8Array, from: NodeId, to: NodeId): PeerPart[] {
  const parts: PeerPart[] = [];
  const reader = new ByteReader(frame);
  while (reader.remaining > 0) {
    const body = reader.blobReader();
    const kind = body.u8();
    if (kind === FORWARD) parts.push({ type: 'forward', connection: body.f64(), request: body.raw(body.remaining) });
    else if (kind === FORWARD_REPLY) parts.push({ type: 'forward-reply', connection: body.f64(), frame: body.raw(body.remaining) });
    else if (kind === CANCEL_CLAIM) parts.push({ type: 'cancel-claim', client: body.f64(), sequence: body.f64() });
    else if (kind === CLIENT_GONE) parts.push({ type: 'client-gone', connection: body.f64() });
    else if (kind === READ_INDEX_REQUEST) parts.push({ type: 'read-index-request', batch: body.f64(), lease: body.u8() === 1 });
    else if (kind === READ_INDEX) parts.push({ type: 'read-index', batch: body.f64(), index: readIndexOrNone(body) });
    else if (kind === VERSION_REQUEST) parts.push({ type: 'version-request' });
    else if (kind === VERSION) parts.push({ type: 'version', version: body.u16() });
    else parts.push({ type: 'raft', message: readMessage(body, kind, from, to) });
  }
  return parts;
}

function readIndexOrNone(from: ByteReader): LogIndex | undefined {
  const index = from.f64();
  return index === NO_INDEX ? undefined : asIndex(index);
}
