import { defineCommands, EVER } from './command.ts';
import { type CheckedField, checked, countMax, durationMs, f64 } from './fields.ts';
import { SUBSCRIPTION_MS_MAX } from './limits.ts';
import { EVENTS_VERSION } from './machine-version.ts';

const ttlMs: CheckedField<number> = checked(f64, `1 to ${SUBSCRIPTION_MS_MAX} ms`, (ms) =>
  ms >= 1 && ms <= SUBSCRIPTION_MS_MAX ? undefined : `A subscription lasts ${ms} ms. Use 1 to ${SUBSCRIPTION_MS_MAX} ms.`,
);

/** The commands about the events of a queue. */
export const EVENT_COMMANDS = defineCommands({
  subscribeEvents: {
    code: 60,
    versions: [EVENTS_VERSION, EVER],
    needs: 'queue',
    writes: true,
    permission: 'read',
    isInternal: true,
    fields: { ttlMs },
    result: 'subscribed',
    about:
      'The selected queue records its events for at least ttlMs of log time from now on. All subscribers share one recording, which ends with the ' +
      'last subscription, and its events with it; the next one has another number, and ids from 1 on.',
  },
  readEvents: {
    code: 61,
    versions: undefined,
    needs: 'queue',
    writes: false,
    permission: 'read',
    isInternal: true,
    fields: { recording: f64, afterId: f64, countMax: countMax('events'), waitMs: durationMs('wait') },
    result: 'events',
    about:
      'The events of the selected queue behind the id afterId of a recording. May return fewer than countMax: continue behind them. Alone in its ' +
      'request it waits at the node until there is one, for waitMs at most.',
  },
});
