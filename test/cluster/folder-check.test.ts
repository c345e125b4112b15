import { readdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeGeneration } from '../../src/base/generation.ts';
import { asDiskId, asNodeId } from '../../src/base/ids.ts';
import { checkFolder, type FolderRecord } from '../../src/cluster/folder-check.ts';
import { nodeFile } from '../../src/cluster/node-file.ts';
import { RECORD_KINDS } from '../../src/queue/record.ts';
import { type Configuration, configurationOf, type VoterDisk } from '../../src/raft/entry.ts';
import { openSqliteStorage } from '../../src/storage/sqlite-storage.ts';
import { aDataFolder, makeNodeFile, ORIGIN } from './node-files.ts';

const RECORD: FolderRecord = { origin: ORIGIN, nodes: [1, 2, 3], made: [1, 2, 3], disks: [] };

const disk = (node: number, id: number, counter = 0): VoterDisk => ({
  node: asNodeId(node),
  disk: asDiskId(id),
  ...(counter === 0 ? {} : { generation: makeGeneration(counter, 1) }),
});
const voters = (disks: readonly VoterDisk[], others: Partial<Configuration> = {}): Configuration =>
  configurationOf({ voters: [1, 2, 3].map(asNodeId), disks, ...others });

/** A file with that disk, whose log has the configuration. */
const makeFile = (folder: string, node: number, disk: number, configuration?: Configuration): void =>
  makeNodeFile(folder, node, { disk, ...(configuration === undefined ? {} : { configuration }) });

const withCode = (code: string, message: RegExp): unknown => expect.objectContaining({ code, message: expect.stringMatching(message) });

describe('the check of a folder', () => {
  it('accepts the new disk of a node that was rebuilt, and one whose rebuild is not over', () => {
    const folder = aDataFolder();
    const rebuilt = voters([disk(1, 11), disk(2, 20), disk(3, 30)]);
    makeFile(folder, 1, 11, rebuilt);
    makeFile(folder, 2, 20, rebuilt);
    // A new file, without a configuration.
    makeFile(folder, 3, 31);
    checkFolder(folder, { ...RECORD, disks: [{ node: 1, disk: 10, generation: makeGeneration(200, 1) }] }, true);
  });

  it('accepts nodes that were never made, and one missing file of three', () => {
    const folder = aDataFolder();
    checkFolder(folder, { ...RECORD, made: [] }, true);
    makeFile(folder, 1, 10);
    checkFolder(folder, { ...RECORD, made: [] }, true);
    makeFile(folder, 2, 20);
    checkFolder(folder, RECORD, true);
  });

  it('rejects a rebuild that is not over and a second file that is missing', () => {
    const folder = aDataFolder();
    const configuration = voters([disk(1, 10), disk(2, 20), disk(3, 30)]);
    makeFile(folder, 1, 11);
    makeFile(folder, 3, 30, configuration);
    expect(() => checkFolder(folder, RECORD, true)).toThrow(
      withCode('STORAGE_LOST', /node-1.* is another disk than the one that it votes with.*the file of node 2 is missing/),
    );
  });

  it('counts both majorities of a joint configuration', () => {
    const folder = aDataFolder();
    const joint = configurationOf({ voters: [asNodeId(1)], outgoing: [1, 2, 3].map(asNodeId), disks: [disk(1, 10)] });
    makeFile(folder, 1, 10, joint);
    expect(() => checkFolder(folder, RECORD, true)).toThrow(withCode('STORAGE_LOST', /node 2 is missing .*node 3 is missing/));
    makeFile(folder, 2, 20, joint);
    checkFolder(folder, RECORD, true);
  });

  it('offers to move cluster.json away only where no file is ahead of the others', () => {
    const folder = aDataFolder();
    for (const node of [1, 2, 3]) makeFile(folder, node, 10 * node);
    const recorded = (nodes: readonly number[]): FolderRecord => ({
      ...RECORD,
      disks: nodes.map((node) => ({ node, disk: 10 * node, generation: makeGeneration(50, 1) })),
    });
    checkFolder(folder, recorded([1]), true);
    expect(() => checkFolder(folder, recorded([1, 2]), true)).toThrow(withCode('STORAGE_ROLLED_BACK', /^((?!move).)*$/));
    expect(() => checkFolder(folder, recorded([1, 2, 3]), true)).toThrow(withCode('STORAGE_ROLLED_BACK', /one backup.*cluster\.json away/));
    // Files without a generation.
    checkFolder(folder, recorded([1, 2, 3]), false);
  });

  it('returns the generations that the files have on record of each other', () => {
    const folder = aDataFolder();
    makeFile(folder, 1, 10, voters([disk(1, 10, 1), disk(2, 20, 7), disk(3, 30)]));
    makeFile(folder, 3, 30, voters([disk(1, 10, 1), disk(2, 20, 8), disk(3, 30)]));
    makeFile(folder, 2, 20);
    expect(checkFolder(folder, RECORD, true)).toEqual([disk(1, 10, 1), disk(2, 20, 8)]);
  });

  it('leaves what it cannot read to the node that opens it, and every file as it is', () => {
    const folder = aDataFolder();
    for (const node of [1, 2, 3]) makeFile(folder, node, 10 * node);
    const file = nodeFile(folder, 3);
    const before = [readdirSync(dirname(file)), readFileSync(file)];
    checkFolder(folder, RECORD, true);
    expect([readdirSync(dirname(file)), readFileSync(file)]).toEqual(before);
    using _open = openSqliteStorage({ file, recordKinds: RECORD_KINDS, durability: 'full', newDiskId: 1 });
    checkFolder(folder, RECORD, true);
  });
});
