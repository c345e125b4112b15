import ts from 'typescript';
import type { Sources, Violation } from './source-file.ts';
import { forEachNode, parseSource, placeOf } from './source-file.ts';

/** Files rarely have more than 300 lines; above this maximum a file holds more than one concept. */
export const LINES_MAX = 400;

export function lengthViolations(sources: Sources): Violation[] {
  return [...sources].flatMap(([path, text]) => {
    const lines = text.trimEnd().split('\n').length;
    return lines > LINES_MAX ? [`${path}: ${lines} lines, ${LINES_MAX} are allowed. Move its second concept to another file.`] : [];
  });
}

export const FUNCTION_LINES_MAX = 60;

/** Functions of all kinds with a body: methods, constructors, accessors and arrows count as well. */
export function functionLengthViolations(sources: Sources): Violation[] {
  return [...sources].flatMap(([path, text]) => {
    const violations: Violation[] = [];
    const source = parseSource(path, text);
    const lineAt = (position: number): number => source.getLineAndCharacterOfPosition(position).line;
    forEachNode(source, (node) => {
      if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) return;
      const lines = lineAt(node.end) - lineAt(node.getStart()) + 1;
      if (lines <= FUNCTION_LINES_MAX) return;
      const name = node.name?.getText() ?? 'a function without a name';
      violations.push(`${placeOf(node)}: ${name} has ${lines} lines, ${FUNCTION_LINES_MAX} are allowed. Move a part to its own function.`);
    });
    return violations;
  });
}

/** Default exports, `any`, and names that are not kebab-case. */
export function styleViolations(sources: Sources): Violation[] {
  return [...sources].flatMap(([path, text]) => {
    const violations: Violation[] = [];
    const name = path.slice(path.lastIndexOf('/') + 1);
    const isTool = name.endsWith('.config.ts');
    if (!/^[a-z0-9]+(-[a-z0-9]+)*(\.test|\.config)?\.ts$/.test(name)) violations.push(`${path}: the file's name is not kebab-case.`);
    forEachNode(parseSource(path, text), (node) => {
      if (node.kind === ts.SyntaxKind.AnyKeyword)
        violations.push(`${placeOf(node)}: uses any. Use unknown and check it, or the exact type.`);
      const isDefault =
        ts.isExportAssignment(node) ||
        node.kind === ts.SyntaxKind.DefaultKeyword ||
        (ts.isExportSpecifier(node) && node.name.text === 'default');
      if (isDefault && !isTool) violations.push(`${placeOf(node)}: exports a default. Export it by its name.`);
    });
    return violations;
  });
}
