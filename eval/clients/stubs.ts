import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../measuring/package-root.ts';

/** The compiler of Go builds gRPC as well, the first time. */
const BUILD_MS_MAX = 900_000;
/** Beside /usr/share/gocode, where Debian has the sources of libraries. */
const GO_PACKAGE = 'jobraft.test/client';

/** @throws with what the command wrote. */
function run(command: string, args: readonly string[], options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {}): void {
  const { status, stderr, error } = spawnSync(command, args, { ...options, encoding: 'utf8', timeout: BUILD_MS_MAX });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}: ${error?.message ?? stderr.trim().slice(-2_000)}`);
}

/** Generates the modules of both .proto files. @returns the variables with which the programs of `python/` find them. */
export function pythonStubs(folder: string): Readonly<Record<string, string>> {
  const proto = join(packageRoot(), 'proto');
  mkdirSync(folder, { recursive: true });
  const plugin = '--plugin=protoc-gen-grpc_python=/usr/bin/grpc_python_plugin';
  run('/usr/bin/protoc', [`-I${proto}`, plugin, `--python_out=${folder}`, `--grpc_python_out=${folder}`, 'jobraft.proto', 'raft.proto']);
  return { PYTHONPATH: folder, PYTHONDONTWRITEBYTECODE: '1' };
}

/** @returns the file of a program of `python/`. */
export const pythonProgram = (name: string): string => join(packageRoot(), 'eval/clients/python', name);

/** Generates the package of jobraft.proto, and compiles the client of `go/`. Reaches no network. @returns the executable. */
export function goClient(folder: string): string {
  const proto = join(packageRoot(), 'proto');
  const sources = join(folder, 'src', GO_PACKAGE);
  mkdirSync(join(sources, 'pb'), { recursive: true });
  cpSync(join(packageRoot(), 'eval/clients/go/main.go'), join(sources, 'main.go'));
  const path = `Mjobraft.proto=${GO_PACKAGE}/pb`;
  const options = ['--go_out', '--go-grpc_out'].map((out) => `${out}=paths=source_relative,${path}:${join(sources, 'pb')}`);
  run('/usr/bin/protoc', [`-I${proto}`, ...options, 'jobraft.proto']);
  const executable = join(folder, 'client');
  const env = { ...process.env, GO111MODULE: 'off', GOPATH: `${folder}:/usr/share/gocode`, GOFLAGS: '', GOPROXY: 'off', CGO_ENABLED: '0' };
  run('/usr/bin/go', ['build', '-o', executable, GO_PACKAGE], { cwd: sources, env });
  return executable;
}
