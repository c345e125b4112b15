import { ByteReader, type ByteWriter, MalformedBytesError } from '../base/bytes.ts';
import { ANY_GENERATION, asGeneration, type Generation } from '../base/generation.ts';
import { asDiskId, asIndex, asTerm, type EntryId, type LogIndex, type NodeId } from '../base/ids.ts';
import { assertNever } from '../base/invariant.ts';
import { readConfiguration, writeConfiguration } from '../raft/configuration-codec.ts';
import type { Entry, EntryKind } from '../raft/entry.ts';
import type { RaftMessage } from '../raft/message.ts';

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

const ENTRY_KINDS: readonly EntryKind[] = ['noop', 'command', 'configuration'];
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
    const bytes = reader.blob();
    const body = new ByteReader(bytes);
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

function writeId(to: ByteWriter, id: EntryId): void {
  to.f64(id.index);
  to.f64(id.term);
}

function readIndexOrNone(from: ByteReader): LogIndex | undefined {
  const index = from.f64();
  return index === NO_INDEX ? undefined : asIndex(index);
}

const readResponse = (from: ByteReader) => ({ round: from.f64(), disk: asDiskId(from.f64()) });
/** The last field of a message; releases before generations existed send none, and skip it. */
const readGeneration = (from: ByteReader): Generation => (from.remaining === 0 ? ANY_GENERATION : asGeneration(from.f64()));
const readId = (from: ByteReader): EntryId => ({ index: asIndex(from.f64()), term: asTerm(from.f64()) });

function writeMessage(to: ByteWriter, message: RaftMessage): void {
  switch (message.type) {
    case 'request-vote':
      to.u8(1);
      to.f64(message.term);
      writeId(to, message.last);
      to.u8((message.preVote ? 1 : 0) | (message.transfer ? 2 : 0));
      to.f64(message.voterDisk);
      to.f64(message.voterGeneration);
      break;
    case 'vote-reply':
      to.u8(2);
      to.f64(message.term);
      to.u8((message.preVote ? 1 : 0) | (message.granted ? 2 : 0));
      to.f64(message.removedBy);
      break;
    case 'append':
      to.u8(3);
      to.f64(message.term);
      writeId(to, message.prev);
      to.f64(message.commit);
      to.f64(message.round);
      writeEntries(to, message.entries);
      break;
    case 'append-accepted':
      to.u8(4);
      to.f64(message.term);
      to.f64(message.round);
      to.f64(message.disk);
      to.f64(message.match);
      to.f64(message.generation);
      break;
    case 'append-rejected':
      to.u8(5);
      to.f64(message.term);
      to.f64(message.round);
      to.f64(message.disk);
      to.f64(message.rejected);
      writeId(to, message.hint);
      to.f64(message.generation);
      break;
    case 'install-snapshot':
      to.u8(6);
      to.f64(message.term);
      writeId(to, message.snapshot);
      writeConfiguration(to, message.snapshot.configuration);
      to.u32(message.chunk);
      to.u8(message.done ? 1 : 0);
      to.blob(message.data);
      break;
    case 'snapshot-reply':
      to.u8(7);
      to.f64(message.term);
      writeId(to, message.snapshot);
      to.u32(message.nextChunk);
      break;
    case 'timeout-now':
      to.u8(8);
      to.f64(message.term);
      break;
    default:
      assertNever(message);
  }
}

function readMessage(body: ByteReader, kind: number, from: NodeId, to: NodeId): RaftMessage {
  const envelope = { from, to, term: asTerm(body.f64()) };
  switch (kind) {
    case 1: {
      const last = readId(body);
      const bits = body.u8();
      const voterDisk = asDiskId(body.f64());
      const voterGeneration = readGeneration(body);
      return { type: 'request-vote', ...envelope, last, preVote: (bits & 1) !== 0, transfer: (bits & 2) !== 0, voterDisk, voterGeneration };
    }
    case 2: {
      const bits = body.u8();
      const removedBy = asIndex(body.f64());
      return { type: 'vote-reply', ...envelope, preVote: (bits & 1) !== 0, granted: (bits & 2) !== 0, removedBy };
    }
    case 3: {
      const prev = readId(body);
      return { type: 'append', ...envelope, prev, commit: asIndex(body.f64()), round: body.f64(), entries: readEntries(body, prev) };
    }
    case 4:
      return {
        type: 'append-accepted',
        ...envelope,
        ...readResponse(body),
        match: asIndex(body.f64()),
        generation: readGeneration(body),
      };
    case 5:
      return {
        type: 'append-rejected',
        ...envelope,
        ...readResponse(body),
        rejected: asIndex(body.f64()),
        hint: readId(body),
        generation: readGeneration(body),
      };
    case 6: {
      const snapshot = { ...readId(body), configuration: readConfiguration(body) };
      return { type: 'install-snapshot', ...envelope, snapshot, chunk: body.u32(), done: body.u8() === 1, data: body.blob() };
    }
    case 7:
      return { type: 'snapshot-reply', ...envelope, snapshot: readId(body), nextChunk: body.u32() };
    case 8:
      return { type: 'timeout-now', ...envelope };
    default:
      throw new MalformedBytesError(`peer frame part of unknown kind ${kind}`);
  }
}

/** Indexes are not sent: entries are consecutive and begin after their predecessor. */
function writeEntries(to: ByteWriter, entries: readonly Entry[]): void {
  to.u32(entries.length);
  for (const entry of entries) {
    to.f64(entry.term);
    to.u8(ENTRY_KINDS.indexOf(entry.kind));
    to.blob(entry.data);
  }
}

function readEntries(from: ByteReader, prev: EntryId): Entry[] {
  const count = from.u32();
  const entries: Entry[] = [];
  for (let read = 1; read <= count; read += 1) {
    const term = asTerm(from.f64());
    const kind = ENTRY_KINDS[from.u8()];
    if (kind === undefined) throw new MalformedBytesError('an entry is of unknown kind');
    entries.push({ index: asIndex(prev.index + read), term, kind, data: from.blob() });
  }
  return entries;
}
