import { posix } from 'node:path';
import ts from 'typescript';
import { forEachNode, parseSource, type Sources, type Violation } from './source-file.ts';

/** `](target)`, without a title. */
const LINK = /\]\((?<target>[^)\s]+)\)/g;
const HEADING = /^#{1,6} (?<text>.+)$/gm;
const FENCE = /^```[\s\S]*?^```/gm;
const CODE = /`[^`\n]+`/g;
/** A path of the repository in inline code, and the declaration of that file, if `` › `name` `` follows it. */
const REFERENCE = /`(?<path>(?:src|eval|test|config|examples|docs|results|plots)\/[\w./-]*)`(?: › `(?<name>[\w.#]+)`)?/g;

const textOf = (page: string): string => page.replace(FENCE, '');

/** Relative links that lead nowhere, and anchors that are no heading of their page. */
export function linkViolations(pages: Sources, exists: (path: string) => boolean): Violation[] {
  const violations: Violation[] = [];
  for (const [page, text] of pages) {
    for (const { groups } of textOf(text).replace(CODE, '').matchAll(LINK)) {
      const target = groups?.target ?? '';
      if (/^https?:/.test(target)) continue;
      const [file = '', anchor] = target.split('#');
      const path = file === '' ? page : posix.join(posix.dirname(page), file);
      if (!exists(path)) violations.push(`${page}: the link ${target} leads to ${path}, which does not exist.`);
      else if (anchor !== undefined && pages.has(path) && !anchorsOf(pages.get(path) ?? '').has(anchor))
        violations.push(`${page}: the link ${target} names a heading that ${path} does not have.`);
    }
  }
  return violations;
}

/** Paths in inline code that do not exist, and names beside them that their file does not declare. */
export function referenceViolations(pages: Sources, sources: Sources, exists: (path: string) => boolean): Violation[] {
  const violations: Violation[] = [];
  const declared = new Map<string, ReadonlySet<string>>();
  for (const [page, text] of pages) {
    for (const { groups } of textOf(text).matchAll(REFERENCE)) {
      const { path = '', name } = groups ?? {};
      if (!exists(path)) violations.push(`${page}: \`${path}\` does not exist.`);
      if (name === undefined) continue;
      const names = declared.get(path) ?? declarationsOf(path, sources.get(path) ?? '');
      declared.set(path, names);
      if (!names.has(name)) violations.push(`${page}: \`${path}\` declares no \`${name}\`.`);
    }
  }
  return violations;
}

/** `` `Class.member` `` in inline code, without a path, that no source declares. */
export function memberViolations(page: string, text: string, sources: Sources): Violation[] {
  const declared = new Set([...sources].flatMap(([path, source]) => [...declarationsOf(path, source)]));
  const members = [...textOf(text).matchAll(/`(?<member>[A-Z]\w*\.#?\w+)`/g)].map(({ groups }) => groups?.member ?? '');
  return members.filter((member) => !declared.has(member)).map((member) => `${page}: no source declares \`${member}\`.`);
}

/** As GitHub makes them: lower case, without punctuation, a hyphen for each blank. */
function anchorsOf(page: string): ReadonlySet<string> {
  return new Set(
    [...textOf(page).matchAll(HEADING)].map(({ groups }) =>
      (groups?.text ?? '')
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

/** The names that a file declares: `name`, and `Class.member` or `Class.#member`. */
function declarationsOf(path: string, text: string): ReadonlySet<string> {
  const names = new Set<string>();
  forEachNode(parseSource(path, text), (node) => {
    if (isMember(node)) names.add(`${ownerOf(node)}.${node.name.getText()}`);
    else if (isDeclaration(node) && node.name !== undefined) names.add(node.name.getText());
  });
  return names;
}

const isDeclaration = (node: ts.Node) =>
  ts.isFunctionDeclaration(node) ||
  ts.isVariableDeclaration(node) ||
  ts.isClassDeclaration(node) ||
  ts.isInterfaceDeclaration(node) ||
  ts.isTypeAliasDeclaration(node);

const isMember = (node: ts.Node) =>
  ts.isMethodDeclaration(node) ||
  ts.isMethodSignature(node) ||
  ts.isPropertyDeclaration(node) ||
  ts.isPropertySignature(node) ||
  ts.isAccessor(node);

const ownerOf = ({ parent }: ts.Node): string =>
  ts.isClassLike(parent) || ts.isInterfaceDeclaration(parent) ? (parent.name?.text ?? '') : '';
