import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

export const nodeFile = (dataDir: string, node: number): string => join(dataDir, `node-${node}`, 'jobraft.db');

/** The nodes that have a file in the folder. */
export function nodesWithFile(dataDir: string): number[] {
  if (!existsSync(dataDir)) return [];
  const ids = readdirSync(dataDir).flatMap((name) => /^node-([1-9][0-9]*)$/.exec(name)?.[1] ?? []);
  return ids.map(Number).filter((node) => existsSync(nodeFile(dataDir, node)));
}
