import { execFileSync, spawn } from 'node:child_process';
import { errorCode } from '../measuring/user-error.ts';

/**
 * Namespaces of its own for this program: its links, mounts and processes. What it makes in them cannot collide with anything outside, and once its
 * first process has ended, however it ended, the kernel ends all others and removes every link and namespace.
 */
const NAMESPACES = ['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc'];
/** Where the kernel allows it, a user who is not root gets the rights in the new namespaces only. */
const USERS = [[], ['--user', '--map-root-user']];
/** `ip` keeps the names of namespaces in /run/netns. */
const OWN_RUN = 'mount -t tmpfs tmpfs /run';
/** What the tests need of the kernel. */
const PROBE = `${OWN_RUN} && ip netns add probe && ip link add name probe-bridge type bridge && ip link add name probe-port type veth peer name eth0 netns probe && ip netns exec probe true`;
const PROBE_MS_MAX = 20_000;
/** Set in the program that runs inside. */
const INSIDE = 'JOBRAFT_NETWORK_INSIDE';

export type Isolation =
  | { readonly type: 'possible'; readonly flags: readonly string[] }
  /** @property reason what is missing, and what to do. */
  | { readonly type: 'impossible'; readonly reason: string };

/** Whether this machine allows the namespaces, links and bridges of the tests. */
export function isolationHere(run: (command: string, args: readonly string[]) => void = runQuietly): Isolation {
  const impossible = (reason: string): Isolation => ({ type: 'impossible', reason });
  if (process.platform !== 'linux') return impossible('network namespaces exist on Linux only.');
  for (const [command, flag, debian] of [
    ['ip', '-V', 'iproute2'],
    ['unshare', '--version', 'util-linux'],
  ] as const) {
    try {
      run(command, [flag]);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return impossible(`the command "${command}" is missing. Install the package ${debian}.`);
    }
  }
  let reason = '';
  for (const user of USERS) {
    const flags = [...user, ...NAMESPACES];
    try {
      run('unshare', [...flags, 'sh', '-c', PROBE]);
      return { type: 'possible', flags };
    } catch (error) {
      reason ||= lastLineOf(error);
    }
  }
  return impossible(`this user may make no network namespaces here (${reason}). Run it as root, in a container with --privileged.`);
}

/** Whether this process runs in the namespaces that `runInside` made. */
export const isInside = (): boolean => process.env[INSIDE] === '1';

/**
 * Runs a file of this package in namespaces of its own. It ends with this process, and with `signal`.
 * @returns its exit code.
 */
export async function runInside(flags: readonly string[], file: string, args: readonly string[], signal: AbortSignal): Promise<number> {
  const command = [...flags, 'sh', '-c', `${OWN_RUN} && exec "$0" "$@"`, process.execPath, file, ...args];
  // The channel is how the program inside notices that this process is gone.
  const child = spawn('unshare', command, { env: { ...process.env, [INSIDE]: '1' }, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  signal.addEventListener('abort', () => child.kill('SIGKILL'), { once: true });
  return await new Promise((resolve, reject) => {
    child.once('error', reject).once('exit', (code) => resolve(code ?? 1));
  });
}

/** Ends this process, and with it all of the namespaces, when the process outside is gone. */
export function endWithOutside(): void {
  process.once('disconnect', () => process.exit(1));
  process.channel?.unref();
}

function runQuietly(command: string, args: readonly string[]): void {
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'], timeout: PROBE_MS_MAX });
}

function lastLineOf(error: unknown): string {
  const output = typeof error === 'object' && error !== null && 'stderr' in error ? String(error.stderr) : '';
  return output.trim().split('\n').at(-1) || String(error);
}
