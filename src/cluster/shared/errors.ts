import { JobraftError, type Outcome } from '../../base/errors.ts';

/** The process that hosts the nodes does not reply, although its channel is open: it is stopped, or its machine is overloaded. */
export class HostSilentError extends JobraftError {
  override readonly code = 'HOST_SILENT';
  override readonly outcome: Outcome;

  /** @param pid as it sees it itself, if it is known: in another container the number differs. */
  constructor(pid: number | undefined, silentMs: number, outcome: Outcome = 'not-applied') {
    const name = pid === undefined ? 'The process' : `Process ${pid}`;
    const [end, goOn] = pid === undefined ? ['kill -KILL', 'kill -CONT'] : [`kill -KILL ${pid}`, `kill -CONT ${pid}`];
    super(
      `${name} that hosts the cluster's nodes has not replied for ${Math.round(silentMs / 1000)} s. A process that is stopped (SIGSTOP, a debugger, a frozen ` +
        `container) keeps the files, so no other one can take over: let it go on (${goOn}), or end it (${end}), and another process hosts them.`,
    );
    this.outcome = outcome;
  }
}

/** The process that hosts the nodes ended before it replied to a call about the cluster. */
export class HostLostError extends JobraftError {
  override readonly code = 'HOST_LOST';
  override readonly outcome: Outcome;

  constructor(outcome: Outcome) {
    super(
      outcome === 'unknown'
        ? 'The process that hosts the nodes ended before it replied; the call may have taken effect. Another process takes over: look at members() and status() before you repeat the call.'
        : 'No process hosts the nodes at the moment, and none took over in time. Repeat the call; the warnings of this process say what keeps the nodes from starting.',
    );
    this.outcome = outcome;
  }
}
