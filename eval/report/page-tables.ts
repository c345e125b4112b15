import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readLastSession } from '../bench/bench-file.ts';
import { readEnvironments } from '../measuring/environment.ts';
import { packageRoot } from '../measuring/package-root.ts';
import type { ResultsFolder } from '../measuring/results-folder.ts';
import { benchSection } from './bench-section.ts';
import { writePageSection } from './page-section.ts';
import { peersSection } from './peers-section.ts';

/**
 * Updates the tables of the README (`peers`) and of docs/performance.md (`bench`) from the repository's own results folder; other folders do
 * not change them.
 * @returns the names of the tables that were written.
 */
export function writePageTables({ path, benchFile, peersFile, environmentFile }: ResultsFolder): readonly string[] {
  if (path !== join(packageRoot(), 'results')) return [];
  const tables: string[] = [];
  const write = (page: string, name: string, file: string, table: () => string): void => {
    if (!existsSync(file)) return;
    writePageSection(join(packageRoot(), page), name, table());
    tables.push(name);
  };
  write('docs/performance.md', 'bench', benchFile, () => {
    const session = readLastSession(benchFile);
    return benchSection(session, readEnvironments(environmentFile)[session.environment]?.node);
  });
  write('README.md', 'peers', peersFile, () => peersSection(readFileSync(peersFile, 'utf8')));
  return tables;
}
