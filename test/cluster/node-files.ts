import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { asIndex, asTerm } from '../../src/base/ids.ts';
import { nodeFile } from '../../src/cluster/node-file.ts';
import { RECORD_KINDS, RecordKind } from '../../src/queue/record.ts';
import { encodeConfiguration } from '../../src/raft/configuration-codec.ts';
import type { Configuration } from '../../src/raft/entry.ts';
import { openSqliteStorage } from '../../src/storage/sqlite-storage.ts';

/** The cluster of the nodes' files: three founders, whose disks are 10, 20 and 30. */
export const ORIGIN = {
  cluster: 4711,
  founders: [1, 2, 3].map((node) => ({ node, disk: 10 * node })),
};

/** A folder that is removed when the test has ended. */
export function aDataFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-cluster-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface FileContents {
  /** 10 · node by default. */
  readonly disk?: number;
  readonly cluster?: number;
  /** Written as the last entry of the log. */
  readonly configuration?: Configuration;
  /** The index and term of that entry. */
  readonly last?: { readonly index: number; readonly term: number };
}

/** Writes a node's file, and closes it. */
export function makeNodeFile(folder: string, node: number, contents: FileContents = {}): void {
  const { disk = 10 * node, cluster = ORIGIN.cluster, configuration, last = { index: 1, term: 1 } } = contents;
  using storage = openSqliteStorage({
    file: nodeFile(folder, node),
    recordKinds: RECORD_KINDS,
    entryKind: RECORD_KINDS[RecordKind.entry],
    durability: 'full',
    newDiskId: disk,
    origin: { ...ORIGIN, cluster },
    life: 5,
  });
  if (configuration === undefined) return;
  const term = asTerm(last.term);
  const before = Array.from({ length: last.index - 1 }, (_, at) => ({
    index: asIndex(at + 1),
    term,
    kind: 'command' as const,
    data: new Uint8Array(1),
  }));
  const entry = { index: asIndex(last.index), term, kind: 'configuration' as const, data: encodeConfiguration(configuration) };
  storage.persist({ append: { from: asIndex(1), entries: [...before, entry] } });
}
