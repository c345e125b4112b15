import { posix } from 'node:path';
import ts from 'typescript';
import type { Sources, Violation } from './source-file.ts';
import { forEachNode, parseSource, placeOf } from './source-file.ts';

/**
 * Every relative import of the files below `folder` whose file does not exist, or does not export the imported name: for code that the
 * compiler sees only where its packages are installed.
 * @param sources with all files that can be imported.
 */
export function brokenImports(folder: string, sources: Sources): Violation[] {
  const violations: Violation[] = [];
  for (const [path, text] of sources) {
    if (!path.startsWith(`${folder}/`)) continue;
    forEachNode(parseSource(path, text), (node) => {
      if (!ts.isImportDeclaration(node) && !ts.isExportDeclaration(node)) return;
      if (node.moduleSpecifier === undefined || !ts.isStringLiteral(node.moduleSpecifier)) return;
      if (!node.moduleSpecifier.text.startsWith('.')) return;
      const target = posix.join(posix.dirname(path), node.moduleSpecifier.text);
      if (!sources.has(target)) {
        violations.push(`${placeOf(node)}: imports ${target}, which does not exist.`);
        return;
      }
      const exported = exportsOf(target, sources);
      for (const name of importedNames(node))
        if (!exported.has(name)) violations.push(`${placeOf(node)}: imports ${name}, which ${target} does not export.`);
    });
  }
  return violations;
}

function importedNames(node: ts.ImportDeclaration | ts.ExportDeclaration): readonly string[] {
  const bindings = ts.isImportDeclaration(node) ? node.importClause?.namedBindings : node.exportClause;
  if (bindings === undefined || ts.isNamespaceImport(bindings) || ts.isNamespaceExport(bindings)) return [];
  return bindings.elements.map(({ name, propertyName }) => (propertyName ?? name).text);
}

function exportsOf(path: string, sources: Sources): ReadonlySet<string> {
  const names = new Set<string>();
  for (const statement of parseSource(path, sources.get(path) ?? '').statements) {
    if (ts.isExportDeclaration(statement)) {
      if (statement.exportClause !== undefined && ts.isNamedExports(statement.exportClause))
        for (const { name } of statement.exportClause.elements) names.add(name.text);
      else if (statement.moduleSpecifier !== undefined && ts.isStringLiteral(statement.moduleSpecifier))
        for (const name of exportsOf(posix.join(posix.dirname(path), statement.moduleSpecifier.text), sources)) names.add(name);
      continue;
    }
    if (!ts.canHaveModifiers(statement) || !ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) continue;
    if (ts.isVariableStatement(statement))
      for (const { name } of statement.declarationList.declarations) {
        if (ts.isIdentifier(name)) names.add(name.text);
        else
          for (const element of name.elements)
            if (ts.isBindingElement(element) && ts.isIdentifier(element.name)) names.add(element.name.text);
      }
    else if ('name' in statement && statement.name !== undefined && ts.isIdentifier(statement.name as ts.Node))
      names.add((statement.name as ts.Identifier).text);
  }
  return names;
}
