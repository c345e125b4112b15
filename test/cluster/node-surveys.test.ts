import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { asNodeId } from '../../src/base/ids.ts';
import { startCluster } from '../../src/cluster/cluster.ts';
import { nodeFile, nodesWithFile } from '../../src/cluster/node-file.ts';
import { readSurveys, surveyNodes } from '../../src/cluster/node-surveys.ts';
import { openCluster } from '../../src/cluster/shared/open-cluster.ts';
import { configurationOf } from '../../src/raft/entry.ts';
import { NODE_FILE } from '../../src/server/node-identity.ts';
import { aDataFolder, makeNodeFile, ORIGIN } from './node-files.ts';

describe('the files of nodes in a folder', () => {
  it('are found by the names of their folders', () => {
    const folder = aDataFolder();
    for (const node of [2, 10]) makeNodeFile(folder, node);
    for (const name of ['node-3', 'node-01', 'node-x', 'node-4-old', 'logs']) mkdirSync(join(folder, name));
    for (const name of ['node-01', 'node-4-old']) writeFileSync(join(folder, name, 'jobraft.db'), 'x');
    // A folder in the file's place.
    mkdirSync(nodeFile(folder, 5), { recursive: true });
    expect(nodesWithFile(folder).sort((a, b) => a - b)).toEqual([2, 10]);
  });

  it('are none where there is no such folder, or a file in its place', () => {
    const folder = aDataFolder();
    expect(nodesWithFile(join(folder, 'missing'))).toEqual([]);
    writeFileSync(join(folder, 'a-file'), '');
    expect(nodesWithFile(join(folder, 'a-file'))).toEqual([]);
  });
});

describe('the survey of the nodes of a folder', () => {
  it('distinguishes a file that was read from one that is missing, empty or unreadable', () => {
    const folder = aDataFolder();
    const configuration = configurationOf({ voters: [1, 2].map(asNodeId) });
    makeNodeFile(folder, 1, { disk: 77, configuration, last: { index: 3, term: 2 } });
    mkdirSync(dirname(nodeFile(folder, 3)));
    writeFileSync(nodeFile(folder, 3), '');
    mkdirSync(dirname(nodeFile(folder, 4)));
    writeFileSync(nodeFile(folder, 4), 'This is no database. '.repeat(500));
    const surveys = surveyNodes(folder, [1, 2, 3, 4]);
    expect(surveys).toMatchObject([
      {
        node: 1,
        file: nodeFile(folder, 1),
        state: 'read',
        found: { disk: 77, origin: ORIGIN, configuration, last: { index: 3, term: 2 } },
      },
      { node: 2, state: 'none' },
      { node: 3, state: 'none' },
      { node: 4, state: 'unreadable', error: { code: 'STORAGE_DAMAGED' } },
    ]);
    expect(readSurveys(surveys)).toEqual([surveys[0]]);
  });

  it('changes no file, and leaves none behind', () => {
    const folder = aDataFolder();
    makeNodeFile(folder, 1, { configuration: configurationOf({ voters: [asNodeId(1)] }) });
    const contents = () => readdirSync(dirname(nodeFile(folder, 1))).map((name) => [name, readFileSync(join(folder, 'node-1', name))]);
    const before = contents();
    surveyNodes(folder, [1, 2]);
    expect(contents()).toEqual(before);
    expect(readdirSync(folder)).toEqual(['node-1']);
  });
});

describe('a folder with folders of nodes that run as processes', () => {
  it('is opened by no cluster of threads, and left as it is', async () => {
    const folder = aDataFolder();
    mkdirSync(join(folder, 'node-2'));
    writeFileSync(nodeFile(folder, 2), '');
    writeFileSync(join(folder, 'node-2', NODE_FILE), '{}');
    for (const open of [openCluster, startCluster])
      await expect(open({ dataDir: folder, nodes: [1, 2, 3] })).rejects.toMatchObject({
        code: 'STORAGE_FOREIGN',
        message: expect.stringContaining(`nodes that run as processes (${join(folder, 'node-2')}). Start them with "jobraft serve"`),
      });
    expect(readdirSync(folder)).toEqual(['node-2']);
  });
});
