import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import ts from 'typescript';

export const packageRoot = resolve(import.meta.dirname, '../..');

/** Sources by their path from the package's root, with slashes: the input of every checker of this folder. */
export type Sources = ReadonlyMap<string, string>;

/** A violation of a rule, as a sentence with its place and remedy. */
export type Violation = string;

export const readSources = (...folders: readonly string[]): Sources => readFiles(folders, (path) => path.endsWith('.ts'));

/** @param isWanted by the path from the package's root, with slashes. */
export function readFiles(folders: readonly string[], isWanted: (path: string) => boolean): Sources {
  const files = new Map<string, string>();
  for (const folder of folders) {
    for (const entry of readdirSync(join(packageRoot, folder), { withFileTypes: true, recursive: true })) {
      const file = join(entry.parentPath, entry.name);
      const path = relative(packageRoot, file).replaceAll('\\', '/');
      if (entry.isFile() && isWanted(path) && !path.includes('node_modules')) files.set(path, readFileSync(file, 'utf8'));
    }
  }
  return files;
}

export const parseSource = (path: string, text: string): ts.SourceFile =>
  ts.createSourceFile(path, text, ts.ScriptTarget.ES2024, true, ts.ScriptKind.TS);

export function forEachNode(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => forEachNode(child, visit));
}

export const placeOf = (node: ts.Node): string => {
  const source = node.getSourceFile();
  return `${source.fileName}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
};
