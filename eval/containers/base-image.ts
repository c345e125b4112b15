import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../measuring/package-root.ts';
import type { Engine } from './engine.ts';

const PULL_MS_MAX = 60_000;
const MAKE_MS_MAX = 900_000;
const AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt';

/** The image that the Dockerfile is based on. */
function baseName(): string {
  const name = /^ARG NODE_IMAGE=(\S+)$/m.exec(readFileSync(join(packageRoot(), 'Dockerfile'), 'utf8'))?.[1];
  if (name === undefined) throw new Error('The Dockerfile names no NODE_IMAGE.');
  return name;
}

/**
 * Pulls the image; where none can be pulled, one of the same name is made of Debian's packages and the Node.js that this repository pins.
 * @returns how it came, or why there is none.
 */
export function ensureBaseImage({ environment }: Engine, folder: string): { readonly isThere: boolean; readonly text: string } {
  const name = baseName();
  const docker = (args: readonly string[], timeout: number): boolean =>
    spawnSync('docker', args, { env: environment, timeout }).status === 0;
  if (docker(['image', 'inspect', name], PULL_MS_MAX)) return { isThere: true, text: `${name} is there` };
  if (docker(['pull', '--quiet', name], PULL_MS_MAX)) return { isThere: true, text: `${name} was pulled` };
  const tree = join(folder, 'tree');
  if (spawnSync('sh', ['-c', 'command -v debootstrap']).status !== 0)
    return { isThere: false, text: `${name} cannot be pulled, and debootstrap, which could make it, is not installed.` };
  const made = spawnSync('debootstrap', ['--variant=minbase', '--include=ca-certificates', 'bookworm', tree], { timeout: MAKE_MS_MAX });
  if (made.status !== 0)
    return { isThere: false, text: `${name} cannot be pulled, and debootstrap cannot make it: ${lastLine(made.stdout)}` };
  addNode(tree);
  const path = 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  // The authorities of this machine, through which it reaches its registry.
  const trust = `ENV NODE_EXTRA_CA_CERTS=${AUTHORITIES}`;
  const imported = spawnSync('sh', ['-c', 'tar -C "$0" -c . | docker import --change "$1" --change "$2" - "$3"', tree, path, trust, name], {
    env: environment,
    timeout: MAKE_MS_MAX,
  });
  return imported.status === 0
    ? { isThere: true, text: `${name} was made of Debian's packages, since it cannot be pulled` }
    : { isThere: false, text: `${name} cannot be imported: ${lastLine(imported.stderr)}` };
}

const lastLine = (output: Buffer): string => output.toString().trim().split('\n').at(-1) ?? '';

/** The pinned Node.js, and the npm that runs this program. */
function addNode(tree: string): void {
  const bin = join(tree, 'usr/local/bin');
  const modules = join(tree, 'usr/local/lib/node_modules');
  mkdirSync(modules, { recursive: true });
  cpSync(join(packageRoot(), 'node_modules/node/bin/node'), join(bin, 'node'));
  const npm = spawnSync('npm', ['root', '--global'], { encoding: 'utf8' }).stdout.trim();
  cpSync(join(npm, 'npm'), join(modules, 'npm'), { recursive: true, dereference: true });
  for (const command of ['npm', 'npx']) spawnSync('ln', ['-sf', `../lib/node_modules/npm/bin/${command}-cli.js`, join(bin, command)]);
  if (existsSync(AUTHORITIES)) cpSync(AUTHORITIES, join(tree, AUTHORITIES));
}
