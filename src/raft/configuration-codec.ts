import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { ANY_GENERATION, asGeneration } from '../base/generation.ts';
import type { NodeId } from '../base/ids.ts';
import { asDiskId, asNodeId } from '../base/ids.ts';
import type { Configuration, Entry, VoterDisk } from './entry.ts';

/**
 * Flag in the length of the list of disks: each disk is followed by its generation. Without it the configuration has none, or was written
 * before generations existed.
 */
const WITH_GENERATIONS = 0x8000_0000;

/** The only layout of a configuration: in log entries, in frames and in checkpoints. Each list follows its u32 length. */
export function writeConfiguration(to: ByteWriter, configuration: Configuration): void {
  const { voters, outgoing, learners, joining, leaving, disks } = configuration;
  for (const nodes of [voters, outgoing, learners, joining, leaving]) {
    to.u32(nodes.length);
    for (const node of nodes) to.f64(node);
  }
  const hasGenerations = disks.some(({ generation }) => generation !== undefined);
  to.u32(hasGenerations ? disks.length + WITH_GENERATIONS : disks.length);
  for (const { node, disk, generation } of disks) {
    to.f64(node);
    to.f64(disk);
    if (hasGenerations) to.f64(generation ?? ANY_GENERATION);
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
    disks: readDisks(from),
  };
}

function readDisks(from: ByteReader): VoterDisk[] {
  const length = from.u32();
  const hasGenerations = length >= WITH_GENERATIONS;
  return readItems(hasGenerations ? length - WITH_GENERATIONS : length, () => {
    const known = { node: asNodeId(from.f64()), disk: asDiskId(from.f64()) };
    const generation = hasGenerations ? asGeneration(from.f64()) : ANY_GENERATION;
    return generation === ANY_GENERATION ? known : { ...known, generation };
  });
}

export function encodeConfiguration(configuration: Configuration): Uint8Array {
  const writer = new ByteWriter(128);
  writeConfiguration(writer, configuration);
  return writer.copy();
}

/** The configuration in an entry of kind `configuration`. @throws {MalformedBytesError} */
export const configurationIn = (entry: Entry): Configuration => readConfiguration(new ByteReader(entry.data));

function readList<Item>(from: ByteReader, readItem: () => Item): Item[] {
  return readItems(from.u32(), readItem);
}

function readItems<Item>(count: number, readItem: () => Item): Item[] {
  const items: Item[] = [];
  // Bounded by the bytes present: a damaged count ends in MalformedBytesError, not in a huge list.
  for (let read = 0; read < count; read += 1) items.push(readItem());
  return items;
}
