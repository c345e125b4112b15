import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { ANY_GENERATION, asGeneration, type Generation } from '../base/generation.ts';
import { asDiskId, asIndex, asNodeId, asTerm, type DiskId, type EntryId, type NodeId } from '../base/ids.ts';
import { readConfiguration, writeConfiguration } from '../raft/configuration-codec.ts';
import { configurationOf, ENTRY_KINDS, type EntryKind, type HardState, type SnapshotId, type VoterDisk } from '../raft/entry.ts';
import { isEncryptedVersion, isSegmentVersion } from './schema-version.ts';

/** A column's bytes, as a view without the Buffer's different `slice`; undefined when it holds another type. */
export const blobOf = (column: unknown): Uint8Array | undefined =>
  column instanceof Uint8Array ? new Uint8Array(column.buffer, column.byteOffset, column.byteLength) : undefined;

/**
 * The kind of the row after the last entry. Without it a log that lost its last rows would look like one that never had them, and the node
 * would lack entries that it acknowledged. It is on the last entry's page, so it costs no write.
 */
export const END_KIND = 255;

export const entryKindCode = (kind: EntryKind): number => ENTRY_KINDS.indexOf(kind);
export const entryKindOf = (code: number): EntryKind | undefined => ENTRY_KINDS[code];

/** The rows of the table `meta`. Stored as these numbers. */
export const META_ROWS = Object.freeze({ hardState: 1, checkpoint: 2, compacted: 3, identity: 4 });
export const META_ROW_NAMES: Readonly<Record<number, string>> = Object.freeze({
  1: 'hard state',
  2: 'checkpoint',
  3: 'compacted',
  4: 'identity',
});

export function encodeHardState(state: HardState): Uint8Array {
  const writer = new ByteWriter(16);
  writer.f64(state.term);
  writer.f64(state.votedFor ?? 0);
  return writer.copy();
}

export function decodeHardState(bytes: Uint8Array): HardState {
  const reader = new ByteReader(bytes);
  const term = asTerm(reader.f64());
  const votedFor = reader.f64();
  return { term, votedFor: votedFor === 0 ? undefined : asNodeId(votedFor) };
}

export function encodeEntryId(id: EntryId): Uint8Array {
  const writer = new ByteWriter(16);
  writer.f64(id.index);
  writer.f64(id.term);
  return writer.copy();
}

export function decodeEntryId(bytes: Uint8Array): EntryId {
  const reader = new ByteReader(bytes);
  return { index: asIndex(reader.f64()), term: asTerm(reader.f64()) };
}

/** The cluster that a file belongs to. */
export interface ClusterOrigin {
  /** Random, made with the cluster; zero for a cluster without an id. */
  readonly cluster: number;
  /** The voters that the cluster was formed with, and their disks. */
  readonly founders: readonly { readonly node: number; readonly disk: number }[];
}

/** The cluster that the file belongs to, and how often the file was opened and closed. */
export interface FileOrigin extends ClusterOrigin {
  readonly generation: Generation;
}

export const NO_ORIGIN: FileOrigin = Object.freeze({ cluster: 0, founders: Object.freeze([]), generation: ANY_GENERATION });

/** The identity of a file. */
export interface FileIdentity {
  readonly disk: DiskId;
  /** None in version 2. */
  readonly origin: FileOrigin;
  /**
   * Set in the file itself by each opening that raises the generation, and cleared by a graceful close: in between the latest acknowledged
   * data is in the WAL. Absent: false.
   */
  readonly isOpen?: boolean;
  /** The id of the key that the values of all other rows are encrypted with. Absent: they are not. */
  readonly encryptionKey?: string;
  /** Rows of the log may refer to segments. Absent: none does. */
  readonly hasSegments?: boolean;
}

/** The file in another generation. */
export const withGeneration = ({ origin, ...rest }: FileIdentity, generation: Generation): FileIdentity => ({
  ...rest,
  origin: { ...origin, generation },
});

/** Its first two fields are the same in every version from 2 on. */
export interface IdentityRow extends FileIdentity {
  /** The same as in the database's header, which has no checksum. */
  readonly schemaVersion: number;
}

/** The mark at the end of the identity, or before the id of the key. */
const OPEN = 1;
const CLOSED = 0;

export function encodeIdentity({ schemaVersion, disk, origin, isOpen = false, encryptionKey }: IdentityRow): Uint8Array {
  const writer = new ByteWriter(64);
  writer.f64(schemaVersion);
  writer.f64(disk);
  writer.f64(origin.cluster);
  writer.f64(origin.generation);
  writer.u32(origin.founders.length);
  for (const founder of origin.founders) {
    writer.f64(founder.node);
    writer.f64(founder.disk);
  }
  if (encryptionKey !== undefined) {
    writer.u8(isOpen ? OPEN : CLOSED);
    writer.text(encryptionKey);
  } else if (isOpen) writer.u8(OPEN);
  return writer.copy();
}

export function decodeIdentity(bytes: Uint8Array): IdentityRow {
  const reader = new ByteReader(bytes);
  const [schemaVersion, disk] = [reader.f64(), asDiskId(reader.f64())];
  if (schemaVersion === 2) return { schemaVersion, disk, origin: NO_ORIGIN };
  const origin = { cluster: reader.f64(), generation: asGeneration(reader.f64()), founders: readDisks(reader) };
  const isOpen = reader.remaining > 0 && reader.u8() === OPEN;
  const encryptionKey = isEncryptedVersion(schemaVersion) ? reader.text() : undefined;
  return {
    ...{ schemaVersion, disk, origin },
    ...(isOpen ? { isOpen } : {}),
    ...(encryptionKey === undefined ? {} : { encryptionKey }),
    ...(isSegmentVersion(schemaVersion) ? { hasSegments: true } : {}),
  };
}

/** Reads only the part that every version has. */
export const schemaVersionIn = (identity: Uint8Array): number => new ByteReader(identity).f64();

/** The number of records of one kind in a checkpoint; a table with fewer or more rows is damaged. */
export interface RecordCount {
  readonly kind: string;
  readonly records: number;
}

/** The checkpoint's row: what it covers, and how many records it consists of. */
export interface CheckpointRow {
  readonly snapshot: SnapshotId;
  readonly counts: readonly RecordCount[];
}

export function encodeCheckpoint({ snapshot, counts }: CheckpointRow): Uint8Array {
  const writer = new ByteWriter();
  writer.f64(snapshot.index);
  writer.f64(snapshot.term);
  writeConfiguration(writer, snapshot.configuration);
  writer.u32(counts.length);
  for (const count of counts) {
    writer.text(count.kind);
    writer.f64(count.records);
  }
  return writer.copy();
}

/** @param schemaVersion version 1 had no joining and leaving nodes, and no disks. */
export function decodeCheckpoint(bytes: Uint8Array, schemaVersion = 2): CheckpointRow {
  const reader = new ByteReader(bytes);
  const index = asIndex(reader.f64());
  const term = asTerm(reader.f64());
  const configuration =
    schemaVersion === 1
      ? configurationOf({ voters: readNodes(reader), outgoing: readNodes(reader), learners: readNodes(reader) })
      : readConfiguration(reader);
  const counts: RecordCount[] = [];
  const kinds = reader.u32();
  for (let read = 0; read < kinds; read += 1) counts.push({ kind: reader.text(), records: reader.f64() });
  return { snapshot: { index, term, configuration }, counts };
}

function readNodes(reader: ByteReader): NodeId[] {
  const nodes: NodeId[] = [];
  const count = reader.u32();
  for (let read = 0; read < count; read += 1) nodes.push(asNodeId(reader.f64()));
  return nodes;
}

function readDisks(reader: ByteReader): VoterDisk[] {
  const disks: VoterDisk[] = [];
  const count = reader.u32();
  for (let read = 0; read < count; read += 1) disks.push({ node: asNodeId(reader.f64()), disk: asDiskId(reader.f64()) });
  return disks;
}
