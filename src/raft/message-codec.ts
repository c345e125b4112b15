import { type ByteReader, type ByteWriter, MalformedBytesError } from '../base/bytes.ts';
import { ANY_GENERATION, asGeneration, type Generation } from '../base/generation.ts';
import { asDiskId, asIndex, asTerm, type EntryId, type NodeId } from '../base/ids.ts';
import { assertNever } from '../base/invariant.ts';
import { readConfiguration, writeConfiguration } from './configuration-codec.ts';
import { ENTRY_KINDS, type Entry } from './entry.ts';
import type {
  AppendAccepted,
  AppendEntries,
  AppendRejected,
  InstallSnapshot,
  RaftMessage,
  RequestVote,
  SnapshotReply,
  VoteReply,
} from './message.ts';

function writeId(to: ByteWriter, id: EntryId): void {
  to.f64(id.index);
  to.f64(id.term);
}

const readResponse = (from: ByteReader) => ({ round: from.f64(), disk: asDiskId(from.f64()) });
/** The last field of a message; releases before generations existed send none, and skip it. */
const readGeneration = (from: ByteReader): Generation => (from.remaining === 0 ? ANY_GENERATION : asGeneration(from.f64()));
const readId = (from: ByteReader): EntryId => ({ index: asIndex(from.f64()), term: asTerm(from.f64()) });

/** A message's kind and fields. Sender and receiver are known from the channel, and are not written. */
export function writeMessage(to: ByteWriter, message: RaftMessage): void {
  switch (message.type) {
    case 'request-vote':
      to.u8(1);
      writeRequestVote(to, message);
      break;
    case 'vote-reply':
      to.u8(2);
      writeVoteReply(to, message);
      break;
    case 'append':
      to.u8(3);
      writeAppend(to, message);
      break;
    case 'append-accepted':
      to.u8(4);
      writeAppendAccepted(to, message);
      break;
    case 'append-rejected':
      to.u8(5);
      writeAppendRejected(to, message);
      break;
    case 'install-snapshot':
      to.u8(6);
      writeInstallSnapshot(to, message);
      break;
    case 'snapshot-reply':
      to.u8(7);
      writeSnapshotReply(to, message);
      break;
    case 'timeout-now':
      to.u8(8);
      to.f64(message.term);
      break;
    default:
      assertNever(message);
  }
}

function writeRequestVote(to: ByteWriter, message: RequestVote): void {
  to.f64(message.term);
  writeId(to, message.last);
  to.u8((message.preVote ? 1 : 0) | (message.transfer ? 2 : 0));
  to.f64(message.voterDisk);
  to.f64(message.voterGeneration);
}

function writeVoteReply(to: ByteWriter, message: VoteReply): void {
  to.f64(message.term);
  to.u8((message.preVote ? 1 : 0) | (message.granted ? 2 : 0));
  to.f64(message.removedBy);
}

function writeAppend(to: ByteWriter, message: AppendEntries): void {
  to.f64(message.term);
  writeId(to, message.prev);
  to.f64(message.commit);
  to.f64(message.round);
  writeEntries(to, message.entries);
}

function writeAppendAccepted(to: ByteWriter, message: AppendAccepted): void {
  to.f64(message.term);
  to.f64(message.round);
  to.f64(message.disk);
  to.f64(message.match);
  to.f64(message.generation);
}

function writeAppendRejected(to: ByteWriter, message: AppendRejected): void {
  to.f64(message.term);
  to.f64(message.round);
  to.f64(message.disk);
  to.f64(message.rejected);
  writeId(to, message.hint);
  to.f64(message.generation);
}

function writeInstallSnapshot(to: ByteWriter, message: InstallSnapshot): void {
  to.f64(message.term);
  writeId(to, message.snapshot);
  writeConfiguration(to, message.snapshot.configuration);
  to.u32(message.chunk);
  to.u8(message.done ? 1 : 0);
  to.blob(message.data);
}

function writeSnapshotReply(to: ByteWriter, message: SnapshotReply): void {
  to.f64(message.term);
  writeId(to, message.snapshot);
  to.u32(message.nextChunk);
}

/** The fields of a message behind its kind. Entries share memory with the bytes read. @throws {MalformedBytesError} */
export function readMessage(body: ByteReader, kind: number, from: NodeId, to: NodeId): RaftMessage {
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
