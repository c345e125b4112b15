import { ByteReader, ByteWriter } from '../base/bytes.ts';
import type { NodeId } from '../base/ids.ts';
import { asDiskId, asNodeId } from '../base/ids.ts';
import type { Configuration, Entry } from './entry.ts';

/** The one layout of a configuration: in log entries, in frames and in checkpoints. Each list behind its u32 length. */
export function writeConfiguration(to: ByteWriter, configuration: Configuration): void {
  const { voters, outgoing, learners, joining, leaving, disks } = configuration;
  for (const nodes of [voters, outgoing, learners, joining, leaving]) {
    to.u32(nodes.length);
    for (const node of nodes) to.f64(node);
  }
  to.u32(disks.length);
  for (const { node, disk } of disks) {
    to.f64(node);
    to.f64(disk);
  }
}

/** @throws {MalformedBytesError} */
export function readConfiguration(from: ByteReader): Configuration {
  const readNodes = (): NodeId[] => readList(from, () => asNodeId(from.f64()));
  return {
    voters: readNodes(),
    outgoing: readNodes(),
    learners: readNodes(),
    joining: readNodes(),
    leaving: readNodes(),
    disks: readList(from, () => ({ node: asNodeId(from.f64()), disk: asDiskId(from.f64()) })),
  };
}

export function encodeConfiguration(configuration: Configuration): Uint8Array {
  const writer = new ByteWriter(128);
  writeConfiguration(writer, configuration);
  return writer.copy();
}

/** The configuration that an entry of that kind brings. @throws {MalformedBytesError} */
export const configurationIn = (entry: Entry): Configuration => readConfiguration(new ByteReader(entry.data));

function readList<Item>(from: ByteReader, readItem: () => Item): Item[] {
  const count = from.u32();
  const items: Item[] = [];
  // Bounded by the bytes there are: a damaged count ends in MalformedBytesError, not in a huge list.
  for (let read = 0; read < count; read += 1) items.push(readItem());
  return items;
}
