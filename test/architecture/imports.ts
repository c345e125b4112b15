import { posix } from 'node:path';
import ts from 'typescript';
import { forEachNode, parseSource, placeOf } from './source-file.ts';

export interface Import {
  readonly from: string;
  /** A path from the package's root for a file of ours, else the module's name as it was written. */
  readonly to: string;
  readonly isOwn: boolean;
  /** Gone at run time: `import type`, `export type … from`, or `import('…')` within a type. */
  readonly isTypeOnly: boolean;
  /** file:line */
  readonly place: string;
}

/** Every import, export-from, dynamic import and import type of a file. */
export function importsOf(path: string, text: string): Import[] {
  const found: Import[] = [];
  const add = (node: ts.Node, specifier: ts.Node | undefined, isTypeOnly: boolean): void => {
    if (specifier === undefined || !ts.isStringLiteralLike(specifier)) return;
    const isOwn = specifier.text.startsWith('.');
    const to = isOwn ? posix.join(posix.dirname(path), specifier.text) : specifier.text;
    found.push({ from: path, to, isOwn, isTypeOnly, place: placeOf(node) });
  };
  forEachNode(parseSource(path, text), (node) => {
    if (ts.isImportDeclaration(node)) add(node, node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword);
    else if (ts.isExportDeclaration(node)) add(node, node.moduleSpecifier, node.isTypeOnly);
    else if (ts.isImportTypeNode(node)) add(node, ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, true);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) add(node, node.arguments[0], false);
  });
  return found;
}
