import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { importsOf } from './imports.ts';
import { packageRoot } from './source-file.ts';

const read = (path: string): string => readFileSync(join(packageRoot, path), 'utf8');
const manifest = JSON.parse(read('package.json'));
const THREADS = ['dist/src/cluster/node-worker.js', 'dist/src/cluster/host-thread.js'];
const FORMAT = { getCanonicalFileName: (name: string) => name, getNewLine: () => '\n' };
const packageOf = (name: string): string => /^(?:@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? name;

describe('what npm packs', () => {
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-packed-'));
  let files: readonly string[];
  let tarball: Uint8Array<ArrayBuffer>;
  beforeAll(() => {
    const output = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
      cwd: packageRoot,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [packed]: readonly { readonly filename: string; readonly files: readonly { readonly path: string }[] }[] = JSON.parse(output);
    files = (packed?.files ?? []).map(({ path }) => path);
    tarball = new Uint8Array(readFileSync(join(folder, packed?.filename ?? '')));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('is built from scratch, so that nothing of an earlier build is in it', () => {
    expect(manifest.scripts.prepack).toMatch(/rmSync\('dist'.*npm run --silent build/);
  });

  it('has the code, its types and the files of its threads', () => {
    const entries = Object.values<Record<string, string>>(manifest.exports).flatMap((conditions) => Object.values(conditions));
    expect(files).toEqual(expect.arrayContaining(entries.map((entry) => entry.replace('./', ''))));
    expect(files).toEqual(expect.arrayContaining(THREADS));
    for (const file of files.filter((path) => path.endsWith('.js'))) expect(files).toContain(file.replace(/\.js$/, '.d.ts'));
  });

  it.each(THREADS)('has the code of a thread as one file, which starts in half the time: %s', (thread) => {
    expect(importsOf(thread, read(thread)).filter(({ isOwn }) => isOwn)).toEqual([]);
  });

  it('has every file that its code imports, and depends on every imported package', () => {
    const seen = new Set<string>();
    const entries = Object.values<{ readonly default: string }>(manifest.exports).map((conditions) => conditions.default.replace('./', ''));
    expect(entries).toEqual(['index', 'remote/index', 'server/index', 'testing/index'].map((entry) => `dist/src/${entry}.js`));
    const commands = Object.values<string>(manifest.bin);
    expect(commands).toEqual(['dist/src/cli/main.js']);
    const roots = [...entries, ...commands, ...THREADS];
    const waiting = files.filter((path) => roots.includes(path) || path.endsWith('-worker.js'));
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      if (seen.has(path)) continue;
      seen.add(path);
      expect(files, 'is not packed').toContain(path);
      for (const { to, isOwn } of importsOf(path, read(path))) {
        if (isOwn) waiting.push(to);
        else if (!to.startsWith('node:') && !builtinModules.includes(to)) expect(manifest.dependencies).toHaveProperty(packageOf(to));
      }
    }
    expect(seen.size).toBeGreaterThan(50);
  });

  it('has only code, licence, documentation, the protocol and settings', () => {
    const others = files.filter((path) => !/^dist\/src\/[\w/-]+\.(?:js|d\.ts)$/.test(path));
    const guides = readdirSync(join(packageRoot, 'docs')).filter((file) => file.endsWith('.md'));
    const settings = ['alert-rules', 'cluster', 'node-1', 'node-2', 'node-3', 'node-4'].map((file) => `config/${file}.yaml`);
    const rest = [
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'package.json',
      'proto/jobraft.proto',
      'proto/raft.proto',
      'config/grafana-dashboard.json',
      ...settings,
    ];
    expect(others.sort()).toEqual([...rest, ...guides.map((file) => `docs/${file}`)].sort());
    expect(files.filter((path) => path.startsWith('dist/src/sim/main.'))).toEqual([]);
  });

  it('has a manifest whose entries, conditions and formats fit the files (publint)', async () => {
    const { messages } = await publint({ pack: { tarball: tarball.buffer }, strict: true });
    expect(messages.map((message) => formatMessage(message, manifest, { color: false }))).toEqual([]);
  });

  it('gives every entry its types, in each way that a user of ES modules resolves them (are the types wrong)', async () => {
    const result = await checkPackage(createPackageFromTarballData(tarball));
    if (result.types === false) throw new Error('The package has no types.');
    expect(Object.keys(result.entrypoints).sort()).toEqual(Object.keys(manifest.exports).sort());
    // The package has ES modules only. `moduleResolution: node10` knows no "exports"; with `node16`, CommonJS has to use import() or, since
    // Node.js 22, a require() that TypeScript 5.6 does not know.
    const isExpected = ({ kind, resolutionKind }: { readonly kind: string; readonly resolutionKind?: string }): boolean =>
      resolutionKind === 'node10' || kind === 'CJSResolvesToESM';
    expect(result.problems.filter((problem) => !isExpected(problem))).toEqual([]);
    for (const { resolutions } of Object.values(result.entrypoints))
      for (const kind of ['node16-esm', 'bundler'] as const) expect(resolutions[kind].resolution?.isTypeScript).toBe(true);
  });

  it.each([
    ['nodenext', ts.ModuleKind.NodeNext, ts.ModuleResolutionKind.NodeNext],
    ['bundler', ts.ModuleKind.ESNext, ts.ModuleResolutionKind.Bundler],
  ])('has types that compile in a user’s program with skipLibCheck off, with `moduleResolution: %s`', (_, module, moduleResolution) => {
    const roots = Object.values<{ readonly types: string }>(manifest.exports).map(({ types }) => join(packageRoot, types));
    const options = { module, moduleResolution, target: ts.ScriptTarget.ES2022, strict: true, noEmit: true, types: ['node'] };
    const program = ts.createProgram(roots, options);
    const ours = program.getSourceFiles().filter(({ fileName }) => fileName.startsWith(join(packageRoot, 'dist')));
    expect(ours.length).toBeGreaterThan(20);
    const problems = ours.flatMap((file) => [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]);
    expect(ts.formatDiagnostics(problems, { ...FORMAT, getCurrentDirectory: () => packageRoot })).toBe('');
  });

  it('names no source map, since none is packed', () => {
    for (const path of files.filter((file) => file.endsWith('.js'))) expect(read(path), path).not.toContain('sourceMappingURL');
  });
});

describe('an import of jobraft', () => {
  /** The packages that a process has loaded after the import, also by `require`. */
  const program = `
    import { registerHooks } from 'node:module';
    const loaded = new Set();
    registerHooks({
      load(url, context, next) {
        loaded.add(url);
        return next(url, context);
      },
    });
    await import(${JSON.stringify(join(packageRoot, 'dist/src/index.js'))});
    console.log(JSON.stringify([...loaded]));`;

  it('loads only what every program needs: the rest is CommonJS that no bundle of ES modules can load, or serves the command line', () => {
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
    const urls: readonly string[] = JSON.parse(output);
    const packages = new Set(urls.flatMap((url) => url.split('/node_modules/').slice(1)).map(packageOf));
    expect([...packages]).toEqual(['zod']);
  });
});
