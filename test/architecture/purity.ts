import ts from 'typescript';
import { importsOf } from './imports.ts';
import type { Sources, Violation } from './source-file.ts';
import { forEachNode, parseSource, placeOf } from './source-file.ts';

/** The code that runs unchanged in a simulator and in a browser: the same events give the same effects. */
export const isPure = (path: string): boolean =>
  /^src\/(base|protocol|raft|queue|node)\//.test(path) ||
  /^src\/client\/delivery\/(?!deliver\.|real-time\.)/.test(path) ||
  /^src\/transport\/[a-z-]+-frame\.ts$/.test(path);

const REMEDY: Readonly<Record<string, string>> = {
  Date: 'Time comes in with the event (`now`) or from the Clock port.',
  performance: 'Time comes in with the event (`now`) or from the Clock port.',
  setTimeout: 'Return the next deadline; the owner of the thread arms the one timer.',
  setInterval: 'Return the next deadline; the owner of the thread arms the one timer.',
  setImmediate: 'Return the next deadline; the owner of the thread arms the one timer.',
  queueMicrotask: 'Do it in this turn: the entry is synchronous.',
  Promise: 'Return effects: the entry is synchronous.',
  process: 'Pass in the needed values.',
  Buffer: 'Use Uint8Array and the readers and writers of base.',
  require: 'Import files of the pure modules only.',
  globalThis: 'Pass in the needed values.',
  console: 'Report an event; logs are readers of the stream.',
  crypto: 'Use the seeded generator of base.',
  fetch: 'Go through a port.',
};

/** Every place where a pure file uses the clock, randomness, the runtime or asynchrony. */
export function purityViolations(sources: Sources): Violation[] {
  return [...sources].flatMap(([path, text]) => {
    const violations: Violation[] = [];
    for (const { isOwn, to, place } of importsOf(path, text)) {
      if (!isOwn) violations.push(`${place}: imports ${to}. Pure code imports only files of ours: move this into an adapter.`);
    }
    forEachNode(parseSource(path, text), (node) => {
      const fault = faultOf(node);
      if (fault !== undefined) violations.push(`${placeOf(node)}: ${fault}`);
    });
    return violations;
  });
}

function faultOf(node: ts.Node): string | undefined {
  if (ts.isAwaitExpression(node) || (ts.isForOfStatement(node) && node.awaitModifier !== undefined))
    return 'awaits. Return effects: the entry is synchronous.';
  if (node.kind === ts.SyntaxKind.AsyncKeyword) return 'is asynchronous. Return effects: the entry is synchronous.';
  if (!ts.isIdentifier(node) || isOnlyName(node)) return undefined;
  if (node.text === 'Math') return mathFault(node);
  const remedy = Object.hasOwn(REMEDY, node.text) ? REMEDY[node.text] : undefined;
  return remedy === undefined ? undefined : `uses ${node.text}. ${remedy}`;
}

/** `Math.max` is pure. `Math.random` is not, and `Math` passed around or indexed cannot be checked. */
function mathFault(node: ts.Identifier): string | undefined {
  const { parent } = node;
  const isKnown = ts.isPropertyAccessExpression(parent) && parent.expression === node && parent.name.text !== 'random';
  return isKnown ? undefined : 'uses Math.random, or passes Math around. Use the seeded generator of base.';
}

/** A property, method or member with the name of a global: `job.process`. */
function isOnlyName(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent) || ts.isQualifiedName(parent)) return parent.getLastToken() === node;
  return (
    (ts.isPropertyAssignment(parent) ||
      ts.isMethodDeclaration(parent) ||
      ts.isMethodSignature(parent) ||
      ts.isPropertyDeclaration(parent) ||
      ts.isPropertySignature(parent) ||
      ts.isGetAccessorDeclaration(parent)) &&
    parent.name === node
  );
}
