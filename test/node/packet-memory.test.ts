import { describe, expect, it } from 'vitest';
import { asNodeId } from '../../src/base/ids.ts';
import { packetOf } from '../../src/client/delivery/connection.ts';
import { Inbox, type InboxHandler } from '../../src/node/inbox.ts';

const ignored = (): void => {};
const READER: InboxHandler = {
  onPeerPart: ignored,
  onPeerLost: ignored,
  onRead: ignored,
  onPeersRead: ignored,
  onClientFrame: ignored,
  onClientGone: ignored,
};

function anInbox() {
  const released: ArrayBufferLike[] = [];
  const inbox = new Inbox(asNodeId(1), 1_000_000, { bytesMin: 100, release: (buffer) => released.push(buffer) });
  const read = (packet: Uint8Array, isKept = false): ArrayBufferLike[] => {
    inbox.addClientPacket(1, packet);
    inbox.drain(READER, undefined);
    inbox.releaseRead(isKept);
    return released.splice(0);
  };
  return { inbox, read, released };
}

const request = (bytes: number): Uint8Array => packetOf({ type: 'request', request: new Uint8Array(bytes) });
const query = (bytes: number): Uint8Array => packetOf({ type: 'query', consistency: 'linearizable', request: new Uint8Array(bytes) });

describe("the memory of a client's packet", () => {
  it('is given back once its requests are in the log or rejected, once', () => {
    const { read, inbox, released } = anInbox();
    const packet = request(200);
    expect(read(packet)).toEqual([packet.buffer]);
    inbox.releaseRead(false);
    expect(released).toEqual([]);
  });

  it('is left to the collector while its requests wait', () => {
    const { read, inbox, released } = anInbox();
    expect(read(request(200), true)).toEqual([]);
    inbox.releaseRead(false);
    expect(released).toEqual([]);
  });

  it('is left to the collector if it is small, holds a query, or is a part of other memory', () => {
    const { read } = anInbox();
    expect(read(request(50))).toEqual([]);
    expect(read(query(200))).toEqual([]);
    const both = new Uint8Array([...request(200), ...query(200)]);
    expect(read(both)).toEqual([]);
    const part = new Uint8Array(1_000);
    part.set(request(200), 8);
    expect(read(part.subarray(8, 8 + request(200).length))).toEqual([]);
  });
});
