import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { FolderSocket } from './shared/socket-clients.ts';

/** The only argument of a process of such a client, as JSON. */
export type MisbehaviourTask =
  | { readonly kind: 'grpc'; readonly name: string; readonly node: number; readonly address: string }
  | { readonly kind: 'socket'; readonly name: string; readonly socket: FolderSocket };

const PROCESS_FILE = fileURLToPath(new URL('./misbehaving-process.js', import.meta.url));
const BEHAVIOUR_MS_MAX = 60_000;

/**
 * Runs a client that misbehaves in a process of its own, which cannot delay the clients that are measured.
 * @returns what the node did about it.
 */
export async function misbehave(task: MisbehaviourTask): Promise<string> {
  const child = fork(PROCESS_FILE, [JSON.stringify(task)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  let reply = '';
  child.on('message', (text) => {
    reply = String(text);
  });
  const late = setTimeout(() => child.kill('SIGKILL'), BEHAVIOUR_MS_MAX);
  // What it has sent is received before the channel ends.
  const [[code, signal]] = await Promise.all([once(child, 'exit'), once(child, 'disconnect')]);
  clearTimeout(late);
  return reply === '' ? `the client ended with ${signal ?? `exit code ${code}`}` : reply;
}
