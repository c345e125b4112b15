import type { Import } from './imports.ts';
import { importsOf } from './imports.ts';
import type { ModuleRules } from './layering-rules.ts';
import type { Sources, Violation } from './source-file.ts';

/**
 * `src/raft/log.ts` is in `raft`, `eval/charts/theme.ts` in `eval/charts`, `src/index.ts` in `index`. The entry points `eval/main.ts` and
 * `eval/bench/main.ts` are in `eval`: they combine the folders, whose own imports run one way.
 */
export function moduleOf(path: string): string {
  const [top, folder] = path.split('/');
  if (top === 'eval') return path.endsWith('/main.ts') ? 'eval' : `eval/${folder}`;
  return path === 'src/index.ts' ? 'index' : (folder ?? '');
}

/** Every import that the rules do not allow. */
export function layeringViolations(sources: Sources, rules: Readonly<Record<string, ModuleRules>>): Violation[] {
  return allImports(sources).flatMap((one) => {
    const module = moduleOf(one.from);
    const allowed = rules[module];
    if (allowed === undefined)
      return [`${one.place}: the module "${module}" has no rules. Add it to test/architecture/layering-rules.ts and to the design.`];
    const fault = one.isOwn ? ownFault(one, module, allowed.own) : packageFault(one, module, allowed.packages);
    return fault === undefined ? [] : [`${one.place}: ${fault}`];
  });
}

/** Modules that import each other at run time. Types may point both ways: a port's owner may use types of its user. */
export function moduleCycles(sources: Sources): Violation[] {
  const edges = allImports(sources).filter(({ isOwn, isTypeOnly }) => isOwn && !isTypeOnly);
  return cycles(edges.map(({ from, to }) => [moduleOf(from), moduleOf(to)])).map(
    (cycle) => `modules import each other in a circle: ${cycle.join(' -> ')}`,
  );
}

/** Files that import each other at run time: their order of evaluation then depends on the importer. */
export function fileCycles(sources: Sources): Violation[] {
  const edges = allImports(sources).filter(({ isOwn, isTypeOnly }) => isOwn && !isTypeOnly);
  return cycles(edges.map(({ from, to }) => [from, to])).map((cycle) => `files import each other in a circle: ${cycle.join(' -> ')}`);
}

const allImports = (sources: Sources): Import[] => [...sources].flatMap(([path, text]) => importsOf(path, text));

function ownFault(one: Import, module: string, allowed: readonly string[]): string | undefined {
  const target = moduleOf(one.to);
  if (target === module) return undefined;
  const inside = one.to.replace(/^src\//, '').replace(/\.ts$/, '');
  const names = (rule: string) => rule === target || (rule.includes('/') && isMatch(rule, inside));
  if (allowed.some(names)) return undefined;
  const isTypeAllowed = allowed.some((rule) => rule.startsWith('type ') && names(rule.slice('type '.length)));
  if (isTypeAllowed && one.isTypeOnly) return undefined;
  if (isTypeAllowed)
    return `${module} may import only types of ${one.to}. Write "import type", or move what is needed at run time into base.`;
  const list = allowed.length === 0 ? 'nothing' : allowed.join(', ');
  return `${module} must not import ${one.to}. It may import ${list}. Pass it in through a port, or move it to a module that both may import.`;
}

function packageFault(one: Import, module: string, allowed: readonly string[]): string | undefined {
  const isAllowed = allowed.some((name) => (name === 'node:' ? one.to.startsWith(name) : one.to === name || one.to.startsWith(`${name}/`)));
  if (isAllowed) return undefined;
  const list = allowed.length === 0 ? 'no package' : allowed.join(', ');
  return `${module} must not import the package ${one.to}. It may import ${list}.`;
}

const isMatch = (pattern: string, name: string): boolean => {
  const [before = '', after] = pattern.split('*');
  return after === undefined ? name === pattern : name.startsWith(before) && name.endsWith(after);
};

/** One circle for each edge that closes one in a depth-first walk; an empty list if and only if there is none. */
function cycles(edges: readonly (readonly [string, string])[]): string[][] {
  const next = new Map<string, Set<string>>();
  for (const [from, to] of edges) if (from !== to) next.set(from, (next.get(from) ?? new Set()).add(to));
  const found: string[][] = [];
  const finished = new Set<string>();
  const path: string[] = [];
  const visit = (name: string): void => {
    const start = path.indexOf(name);
    if (start >= 0) {
      found.push([...path.slice(start), name]);
      return;
    }
    if (finished.has(name)) return;
    path.push(name);
    for (const follower of next.get(name) ?? []) visit(follower);
    path.pop();
    finished.add(name);
  };
  for (const name of next.keys()) visit(name);
  return found;
}
