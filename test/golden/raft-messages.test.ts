import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter } from '../../src/base/bytes.ts';
import { encodeConfiguration, readConfiguration } from '../../src/raft/configuration-codec.ts';
import type { RaftMessage } from '../../src/raft/message.ts';
import { readPeerParts, writePeerPart } from '../../src/transport/peer-frame.ts';
import { DISKS_ONLY, ENVELOPE, FULL, MESSAGES, PLAIN } from '../raft/sample-messages.ts';
import { expectGolden, goldenBytes } from './golden-file.ts';

const FILE = 'raft-messages.txt';
const CONFIGURATIONS = {
  'configuration, voters only': PLAIN,
  'configuration, disks': DISKS_ONLY,
  'configuration, with all': FULL,
} as const;

function bytesOfMessage(message: RaftMessage): Uint8Array {
  const to = new ByteWriter();
  writePeerPart(to, { type: 'raft', message });
  return to.copy();
}

describe("the bytes of Raft's messages", () => {
  it('are those that earlier releases write and read', () => {
    const messages = Object.entries(MESSAGES).map(([type, message]) => [type, bytesOfMessage(message)]);
    const configurations = Object.entries(CONFIGURATIONS).map(([name, configuration]) => [name, encodeConfiguration(configuration)]);
    expectGolden(FILE, Object.fromEntries([...messages, ...configurations]));
  });

  it.each(Object.entries(MESSAGES))('of the message %s are decoded to the same message', (type, message) => {
    expect(readPeerParts(goldenBytes(FILE, type), ENVELOPE.from, ENVELOPE.to)).toEqual([{ type: 'raft', message }]);
  });

  it.each(Object.entries(CONFIGURATIONS))('of a %s are decoded to the same configuration', (name, configuration) => {
    expect(readConfiguration(new ByteReader(goldenBytes(FILE, name)))).toEqual(configuration);
  });
});
