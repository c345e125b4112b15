import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** What a part of the program needs from Debian. */
export interface Needs {
  readonly packages: readonly string[];
  readonly files: readonly string[];
}

export const PYTHON: Needs = {
  packages: ['protobuf-compiler', 'protobuf-compiler-grpc', 'python3-grpcio', 'python3-protobuf'],
  files: [
    ...['/usr/bin/protoc', '/usr/bin/grpc_python_plugin', '/usr/bin/python3'],
    ...['/usr/lib/python3/dist-packages/grpc', '/usr/lib/python3/dist-packages/google/protobuf'],
  ],
};

export const GO: Needs = {
  packages: [
    ...['golang-go', 'protobuf-compiler', 'protoc-gen-go-1-5', 'protoc-gen-go-grpc'],
    ...['golang-google-grpc-dev', 'golang-github-golang-protobuf-1-5-dev', 'golang-google-protobuf-dev'],
  ],
  files: [
    ...['/usr/bin/protoc', '/usr/bin/go', '/usr/bin/protoc-gen-go', '/usr/bin/protoc-gen-go-grpc'],
    ...['grpc', 'protobuf'].map((name) => `/usr/share/gocode/src/google.golang.org/${name}`),
  ],
};

const INSTALL_MS_MAX = 600_000;

/** Installs what is missing, if this program may. @returns why it cannot be used, or undefined. */
export function missingOf({ packages, files }: Needs): string | undefined {
  const missing = (): readonly string[] => files.filter((file) => !existsSync(file));
  if (missing().length === 0) return undefined;
  const named = `Debian's packages ${packages.join(', ')}`;
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return `it needs ${named}, which only root can install by apt-get.`;
  const { stderr } = spawnSync('apt-get', ['install', '--yes', '--quiet', '--no-install-recommends', ...packages], {
    ...{ env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }, timeout: INSTALL_MS_MAX, encoding: 'utf8' },
  });
  const left = missing();
  return left.length === 0 ? undefined : `${named} could not be installed (${left.join(', ')} is missing): ${stderr.trim().slice(-300)}`;
}
