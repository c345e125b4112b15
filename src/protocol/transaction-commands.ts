import { defineCommands, EVER } from './command.ts';
import { payload } from './fields.ts';
import { TRANSACTION_BYTES_MAX, TRANSACTION_OPERATIONS_MAX } from './limits.ts';
import { TRANSACTIONS_VERSION } from './machine-version.ts';

/** The command that executes several others, all or none. */
export const TRANSACTION_COMMANDS = defineCommands({
  transact: {
    code: 93,
    versions: [TRANSACTIONS_VERSION, EVER],
    needs: 'nothing',
    writes: true,
    // What its operations need is checked instead: see demands.ts.
    permission: 'operate',
    isInternal: true,
    fields: {
      payload: {
        ...payload,
        range: `[u32 operations] and 1 to ${TRANSACTION_OPERATIONS_MAX} operations as in a request, at most ${TRANSACTION_BYTES_MAX} bytes`,
      },
    },
    result: 'transacted',
    about:
      'Executes its operations in their order, all or none: each is checked against the state before any has an effect. Each may be an add, complete, fail, ' +
      'release, remove, promote, changePriority, changeDelay, updateProgress, updateData, addLog or clearLogs. No job is named twice. It needs the permissions ' +
      'of its operations.',
  },
});
