import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { asNodeId } from '../../src/base/ids.ts';
import { recoverCluster } from '../../src/cluster/lost-manifest.ts';
import { nodeFile } from '../../src/cluster/node-file.ts';
import { configurationOf } from '../../src/raft/entry.ts';
import { aDataFolder, makeNodeFile, ORIGIN } from './node-files.ts';

const membersOf = (...voters: readonly number[]) => configurationOf({ voters: voters.map(asNodeId) });
const rejected = (code: string, message: RegExp): unknown =>
  expect.objectContaining({ code, outcome: 'not-applied', message: expect.stringMatching(message) });

describe('a cluster whose cluster.json is lost', () => {
  it('has the founders as members, where no file has a configuration', () => {
    const folder = aDataFolder();
    for (const node of [1, 2, 3]) makeNodeFile(folder, node);
    expect(recoverCluster(folder)).toEqual({ ...ORIGIN, nodes: [1, 2, 3] });
  });

  it('has the members of the file whose log is most advanced, ascending', () => {
    const folder = aDataFolder();
    makeNodeFile(folder, 1, { configuration: membersOf(1, 2, 3), last: { index: 9, term: 1 } });
    // A later term is ahead of a longer log.
    makeNodeFile(folder, 2, { configuration: membersOf(4, 2, 1), last: { index: 3, term: 2 } });
    makeNodeFile(folder, 4, { configuration: membersOf(1, 2, 3), last: { index: 2, term: 2 } });
    expect(recoverCluster(folder)).toEqual({ ...ORIGIN, nodes: [1, 2, 4] });
  });

  it('counts every member of a joint configuration', () => {
    const folder = aDataFolder();
    const joint = configurationOf({ voters: [1, 4, 5].map(asNodeId), outgoing: [1, 2, 3].map(asNodeId) });
    for (const node of [1, 4]) makeNodeFile(folder, node, { configuration: joint });
    expect(() => recoverCluster(folder)).toThrow(rejected('STORAGE_DAMAGED', /of the nodes 1, 2, 3, 4, 5 only 1, 4 have a file/));
    makeNodeFile(folder, 2, { configuration: joint });
    expect(recoverCluster(folder).nodes).toEqual([1, 2, 3, 4, 5]);
  });

  it('is not recovered from half of the members, one of which could lack a later change', () => {
    const folder = aDataFolder();
    makeNodeFile(folder, 2);
    expect(() => recoverCluster(folder)).toThrow(rejected('STORAGE_DAMAGED', /cluster\.json.*only 2 have a file, which is no majority/));
    makeNodeFile(folder, 1);
    expect(recoverCluster(folder).nodes).toEqual([1, 2, 3]);
  });

  it('is not recovered from files of two clusters, which are named', () => {
    const folder = aDataFolder();
    makeNodeFile(folder, 1);
    makeNodeFile(folder, 2, { cluster: 4712 });
    expect(() => recoverCluster(folder)).toThrow(rejected('STORAGE_FOREIGN', /node-1.*node-2.* belong to different clusters/));
  });

  it('is not recovered while a file is damaged, although the others are a majority: it may be ahead of them', () => {
    const folder = aDataFolder();
    for (const node of [1, 2]) makeNodeFile(folder, node);
    mkdirSync(dirname(nodeFile(folder, 3)));
    const damage = 'This is no database. '.repeat(500);
    writeFileSync(nodeFile(folder, 3), damage);
    expect(() => recoverCluster(folder)).toThrow(rejected('STORAGE_DAMAGED', /cluster\.json.*node-3.*Nothing was changed/s));
    expect(readFileSync(nodeFile(folder, 3), 'utf8')).toBe(damage);
  });

  it('is not recovered from empty files', () => {
    const folder = aDataFolder();
    mkdirSync(dirname(nodeFile(folder, 1)));
    writeFileSync(nodeFile(folder, 1), '');
    expect(() => recoverCluster(folder)).toThrow(rejected('STORAGE_DAMAGED', /they are empty/));
    expect(existsSync(nodeFile(folder, 1))).toBe(true);
  });
});
