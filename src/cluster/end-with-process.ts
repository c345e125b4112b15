/** A thread with an open file. */
interface OpenNode {
  kill(): void;
  /** Blocks. @returns whether it is closed. */
  waitUntilClosed(timeoutMs: number): boolean;
}

/** How long the exit of the process may wait for all nodes together. */
const EXIT_MS_MAX = 1_000;

const openNodes = new Set<OpenNode>();

/**
 * Kills a running node when the process exits. Node.js would terminate its thread, with its database open; see {@link KillSwitch}. A
 * process that a signal ends runs none of this, and does not need it: all of its threads end with it.
 * @returns an object to dispose once the node's thread has ended.
 */
export function endWithProcess(node: OpenNode): Disposable {
  if (openNodes.size === 0) process.on('exit', endNodes);
  openNodes.add(node);
  return {
    [Symbol.dispose]: () => {
      openNodes.delete(node);
      if (openNodes.size === 0) process.off('exit', endNodes);
    },
  };
}

/** Closes the files of all nodes of this thread. Blocks for a second at most. */
export function endNodes(): void {
  for (const node of openNodes) node.kill();
  const deadlineMs = performance.now() + EXIT_MS_MAX;
  for (const node of openNodes) node.waitUntilClosed(deadlineMs - performance.now());
}
