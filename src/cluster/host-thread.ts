import { parentPort, workerData } from 'node:worker_threads';
import { invariant } from '../base/invariant.ts';
import type { ClusterListeners } from './cluster-listeners.ts';
import { endNodes } from './end-with-process.ts';
import { KillSwitch } from './kill-switch.ts';
import { Host } from './shared/host.ts';
import type { HostBoot, HostCommand, HostSignal } from './shared/host-boot.ts';
import { recordError } from './shared/remote-error.ts';

/**
 * The entry of the thread that hosts a shared cluster: it supervises the nodes' threads and serves the processes that use them, apart from
 * the event loop of the application, which may be blocked for long.
 */
invariant(parentPort !== null, () => 'host-thread runs in a worker thread only; use openCluster');
const owner = parentPort;
// The owner is the only one who starts this file, and its settings are checked there.
const boot = workerData as HostBoot;
const killSwitch = new KillSwitch(boot.killSwitch);
const signal = (message: HostSignal): void => owner.postMessage(message);
const listeners: ClusterListeners = {
  onNodeFailure: (node, error) => signal({ type: 'node-failed', node, error: recordError(error) }),
  onRepair: ({ node, damage, movedTo }) => signal({ type: 'repair', node, damage: recordError(damage), movedTo }),
};

let host: Host | undefined;

async function close(): Promise<void> {
  await host?.close();
  killSwitch.markClosed();
  owner.close();
}

owner.on('message', (command: HostCommand) => {
  switch (command.type) {
    case 'close':
      void close();
      break;
    case 'exit':
      // The process ends, and waits for this.
      endNodes();
      killSwitch.markClosed();
      break;
  }
});

try {
  host = new Host(boot.settings, listeners);
  await host.start();
  signal({ type: 'ready' });
} catch (error) {
  signal({ type: 'failed', error: recordError(error) });
  await close();
}
