import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A container engine, and the program that reads `compose.yaml`. */
export interface Engine extends AsyncDisposable {
  readonly environment: NodeJS.ProcessEnv;
  readonly compose: readonly [command: string, ...args: readonly string[]];
}

const START_MS_MAX = 60_000;
const STOP_MS_MAX = 30_000;

/** @param folder of an engine that this program starts. @returns why there is none. */
export async function openEngine(folder: string): Promise<Engine | string> {
  const compose = composeCommand();
  if (compose === undefined) return 'neither "docker compose" nor "docker-compose" is installed.';
  if (isRunning(process.env)) return { environment: process.env, compose, [Symbol.asyncDispose]: async () => undefined };
  if (process.getuid?.() !== 0 || !exists('dockerd'))
    return 'no container engine runs, and this program may not start one: it needs dockerd, as root.';
  return await startEngine(folder, compose);
}

const exists = (command: string): boolean => spawnSync('sh', ['-c', `command -v ${command}`]).status === 0;
const isRunning = (env: NodeJS.ProcessEnv): boolean => spawnSync('docker', ['version'], { env, timeout: 10_000 }).status === 0;

function composeCommand(): Engine['compose'] | undefined {
  if (spawnSync('docker', ['compose', 'version'], { timeout: 10_000 }).status === 0) return ['docker', 'compose'];
  return exists('docker-compose') && exists('docker') ? ['docker-compose'] : undefined;
}

/** One of its own, with its images and containers in the folder. */
async function startEngine(folder: string, compose: Engine['compose']): Promise<Engine | string> {
  const socket = `unix://${join(folder, 'docker.sock')}`;
  const paths = ['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec'), '--pidfile', join(folder, 'pid')];
  const daemon = spawn('dockerd', [...paths, '--host', socket], { stdio: ['ignore', 'ignore', 'pipe'] });
  let output = '';
  daemon.stderr.setEncoding('utf8').on('data', (text: string) => {
    output = `${output}${text}`.slice(-2_000);
  });
  const environment = { ...process.env, DOCKER_HOST: socket };
  const untilMs = performance.now() + START_MS_MAX;
  while (daemon.exitCode === null && performance.now() < untilMs) {
    if (isRunning(environment)) return { environment, compose, [Symbol.asyncDispose]: () => end(daemon, folder) };
    await sleep(200);
  }
  await end(daemon, folder);
  return `dockerd does not start: ${output.trim().split('\n').at(-1) ?? ''}`;
}

async function end(daemon: ChildProcess, folder: string): Promise<void> {
  daemon.kill('SIGTERM');
  const untilMs = performance.now() + STOP_MS_MAX;
  while (daemon.exitCode === null && daemon.signalCode === null && performance.now() < untilMs) await sleep(100);
  daemon.kill('SIGKILL');
  // It leaves a network namespace mounted, which could not be removed with the folder.
  for (const path of mountsIn(folder)) spawnSync('umount', [path]);
}

/** The innermost first. */
const mountsIn = (folder: string): readonly string[] =>
  readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .flatMap((line) => line.split(' ')[1] ?? [])
    .filter((path) => path.startsWith(`${folder}/`))
    .reverse();
