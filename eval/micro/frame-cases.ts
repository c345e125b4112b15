import { ByteWriter } from '../../src/base/bytes.ts';
import { asIndex, asNodeId, asTerm } from '../../src/base/ids.ts';
import { type PeerPart, readPeerParts, writePeerPart } from '../../src/transport/peer-frame.ts';
import { entriesFrom } from './core-cases.ts';
import type { MicroCase } from './micro-case.ts';

const LEADER = asNodeId(1);
const FOLLOWER = asNodeId(2);

/** The frame of an AppendEntries from one node to another: written, and read; by the number of its entries. */
export function frameCases(entryCounts: readonly number[]): MicroCase[] {
  return entryCounts.flatMap((count) => {
    const shared = { operations: count, operation: 'one entry, to and from a frame', size: count, sizeOf: 'entries in a frame' };
    const term = asTerm(1);
    const part: PeerPart = {
      type: 'raft',
      message: {
        type: 'append',
        from: LEADER,
        to: FOLLOWER,
        term,
        prev: { index: asIndex(0), term },
        entries: entriesFrom(1, count),
        commit: asIndex(0),
        round: 1,
      },
    };
    const writer = new ByteWriter(count * 128);
    const write = (): Uint8Array => {
      writer.reset();
      writePeerPart(writer, part);
      return writer.copy();
    };
    const frame = write();
    return [
      { ...shared, name: 'write', run: () => void write() },
      {
        ...shared,
        name: 'read',
        run: () => {
          if (readPeerParts(frame, LEADER, FOLLOWER).length !== 1) throw new Error('the frame has one part');
        },
      },
    ];
  });
}
