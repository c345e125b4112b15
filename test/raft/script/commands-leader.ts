import { asNodeId } from '../../../src/base/ids.ts';
import { CommandError } from './arguments.ts';
import type { Commands } from './command.ts';

const bytesOf = (text: string, bytes: number | undefined): Uint8Array => new TextEncoder().encode(text.padEnd(bytes ?? 0, '.'));

/** Requests to a leader. */
export const LEADER_COMMANDS: Commands = {
  /** `propose 1 a b [bytes=50]`: one proposal for each word, padded to this many bytes. */
  propose: (cluster, args) => {
    const id = args.node();
    const bytes = args.number('bytes');
    const texts = args.words();
    args.end();
    if (texts.length === 0) throw new CommandError('"propose" needs a word to propose.');
    for (const text of texts) cluster.step(id, { type: 'propose', data: bytesOf(text, bytes) });
  },

  /** `change 1 add=4 remove=2 learners=5 [repeated]`: a membership change. */
  change: (cluster, args) => {
    const id = args.node();
    const change = {
      add: (args.numbers('add') ?? []).map(asNodeId),
      remove: (args.numbers('remove') ?? []).map(asNodeId),
      learners: (args.numbers('learners') ?? []).map(asNodeId),
    };
    const isRepeated = args.flag('repeated');
    args.end();
    cluster.step(id, { type: 'change-membership', change, isRepeated });
  },

  /** `transfer 1 [to=2]`: let another voter lead. */
  transfer: (cluster, args) => {
    const id = args.node();
    const to = args.number('to');
    args.end();
    cluster.step(id, { type: 'transfer-leadership', to: to === undefined ? undefined : asNodeId(to) });
  },

  /** `read 1 batch=7 [lease]`: requests to serve the reads that arrive now. */
  read: (cluster, args) => {
    const id = args.node();
    const batch = args.number('batch');
    const lease = args.flag('lease');
    args.end();
    if (batch === undefined) throw new CommandError('"read" needs batch=, a number that only grows.');
    cluster.step(id, { type: 'read', batch, lease });
  },
};
