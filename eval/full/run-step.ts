import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** What the child's second stage of an interruption is given before it is killed. */
const ENDS_WITHIN_MS = 120_000;

/**
 * Runs one command in a process group of its own, so that a Ctrl-C of the terminal reaches it only once, through this process.
 * @param print receives each line of its output.
 * @returns its exit code; 1 if a signal ended it.
 */
export async function runStep(args: readonly string[], signal: AbortSignal, print: (line: string) => void): Promise<number> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const ended = once(child, 'close');
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', print);
  let killer: NodeJS.Timeout | undefined;
  const interrupt = (): void => {
    child.kill('SIGINT');
    killer = setTimeout(() => child.kill('SIGKILL'), ENDS_WITHIN_MS);
  };
  signal.addEventListener('abort', interrupt);
  if (signal.aborted) interrupt();
  // A second Ctrl-C ends this process at once, and must not leave the child behind.
  const kill = (): void => void child.kill('SIGKILL');
  process.on('exit', kill);
  try {
    const [code]: [number | null] = (await ended) as [number | null];
    return code ?? 1;
  } finally {
    clearTimeout(killer);
    process.off('exit', kill);
    signal.removeEventListener('abort', interrupt);
  }
}
