import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { importsOf } from './imports.ts';
import { packageRoot } from './source-file.ts';

const read = (path: string): string => readFileSync(join(packageRoot, path), 'utf8');
const manifest = JSON.parse(read('package.json'));
const packageOf = (name: string): string => /^(?:@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? name;

describe('what npm packs', () => {
  let files: readonly string[];
  beforeAll(() => {
    const output = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: packageRoot,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [packed]: readonly { readonly files: readonly { readonly path: string }[] }[] = JSON.parse(output);
    files = (packed?.files ?? []).map(({ path }) => path);
  });

  it('is built from scratch, since a build does not remove the output of earlier sources', () => {
    expect(manifest.scripts.prepack).toMatch(/rmSync\('dist'.*npm run --silent build/);
  });

  it('has the code, its types and the files of its threads', () => {
    const entries = Object.values<Record<string, string>>(manifest.exports).flatMap((conditions) => Object.values(conditions));
    expect(files).toEqual(expect.arrayContaining(entries.map((entry) => entry.replace('./', ''))));
    expect(files).toContain('dist/src/cluster/node-worker.js');
    for (const file of files.filter((path) => path.endsWith('.js'))) expect(files).toContain(file.replace(/\.js$/, '.d.ts'));
  });

  it('has every file that its code imports, and depends on every imported package', () => {
    const seen = new Set<string>();
    const entries = Object.values<{ readonly default: string }>(manifest.exports).map((conditions) => conditions.default.replace('./', ''));
    expect(entries).toEqual(['dist/src/index.js', 'dist/src/testing/index.js']);
    const waiting = files.filter((path) => entries.includes(path) || path.endsWith('-worker.js'));
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

  it('has only code, licence, documentation and the settings with their defaults', () => {
    const others = files.filter((path) => !/^dist\/src\/[\w/-]+\.(?:js|d\.ts)$/.test(path));
    expect(others.sort()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'config/cluster.yaml', 'package.json']);
    expect(files.filter((path) => path.startsWith('dist/src/sim/'))).toEqual([]);
  });

  it('names no source map, since none is packed', () => {
    for (const path of files.filter((file) => file.endsWith('.js'))) expect(read(path), path).not.toContain('sourceMappingURL');
  });
});

describe('the package’s README', () => {
  const links = [...read('README.md').matchAll(/\]\((?<target>[^)\s]+)\)/g)].map(({ groups }) => groups?.target ?? '');

  it('has only links and images that exist', () => {
    expect(links.length).toBeGreaterThan(10);
    for (const link of links.filter((each) => !each.startsWith('https://'))) {
      expect(existsSync(join(packageRoot, link.replace(/#.*$/, ''))), link).toBe(true);
    }
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
