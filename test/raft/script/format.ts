import { assertNever } from '../../../src/base/invariant.ts';
import { configurationIn } from '../../../src/raft/configuration-codec.ts';
import type { Effects, Rejection } from '../../../src/raft/effects.ts';
import type { Configuration, Entry, EntryId } from '../../../src/raft/entry.ts';
import type { RaftMessage } from '../../../src/raft/message.ts';
import type { RaftNotice } from '../../../src/raft/notice.ts';

/** Events as text, as transcripts show them. */

/** Most characters of a command's text that are shown. */
const SHORT_TEXT = 12;

export const idInWords = ({ index, term }: EntryId): string => (index === 0 ? 'the beginning' : `${index}@${term}`);

/** `4@2`, `4..6@2`, `4..6@2 7@3`: entries of one term together. */
export function formatEntries(entries: readonly EntryId[]): string {
  const groups: { first: number; last: number; term: number }[] = [];
  for (const { index, term } of entries) {
    const group = groups.at(-1);
    if (group?.term === term && group.last === index - 1) group.last = index;
    else groups.push({ first: index, last: index, term });
  }
  return groups.map(({ first, last, term }) => (first === last ? `${first}@${term}` : `${first}..${last}@${term}`)).join(' ');
}

function payloadText(entry: Entry): string {
  if (entry.kind === 'noop') return '(no-op)';
  if (entry.kind === 'configuration') return `(${configurationInWords(configurationIn(entry))})`;
  return entry.data.length > SHORT_TEXT ? `(${entry.data.length} bytes)` : `"${new TextDecoder().decode(entry.data)}"`;
}

const appendedInWords = (entries: readonly Entry[]): string =>
  entries.length <= 2 ? entries.map((entry) => `${idInWords(entry)} ${payloadText(entry)}`).join(', ') : formatEntries(entries);

export function configurationInWords(configuration: Configuration): string {
  const { voters, outgoing, learners, joining, leaving } = configuration;
  const parts = [`voters ${voters.join(' ') || 'none'}`];
  if (outgoing.length > 0) parts.push(`outgoing ${outgoing.join(' ')}`);
  if (learners.length > 0) parts.push(`learners ${learners.join(' ')}`);
  if (joining.length > 0) parts.push(`joining ${joining.join(' ')}`);
  if (leaving.length > 0) parts.push(`leaving ${leaving.join(' ')}`);
  return parts.join(', ');
}

/** Names that transcripts choose messages by. */
export const MESSAGE_KINDS = [
  'append',
  'heartbeat',
  'accepted',
  'rejected',
  'vote-request',
  'pre-vote-request',
  'vote-reply',
  'pre-vote-reply',
  'snapshot',
  'snapshot-reply',
  'timeout-now',
] as const;
export type MessageKind = (typeof MESSAGE_KINDS)[number];

export function kindOf(message: RaftMessage): MessageKind {
  switch (message.type) {
    case 'append':
      return message.entries.length > 0 ? 'append' : 'heartbeat';
    case 'append-accepted':
      return 'accepted';
    case 'append-rejected':
      return 'rejected';
    case 'request-vote':
      return message.preVote ? 'pre-vote-request' : 'vote-request';
    case 'vote-reply':
      return message.preVote ? 'pre-vote-reply' : 'vote-reply';
    case 'install-snapshot':
      return 'snapshot';
    default:
      return message.type;
  }
}

/** @param rounds whether heartbeat rounds are shown, on which reads depend. */
export function formatMessage(message: RaftMessage, rounds: boolean): string {
  return `${message.from} -> ${message.to} term ${message.term}: ${bodyInWords(message, rounds)}`;
}

function bodyInWords(message: RaftMessage, rounds: boolean): string {
  const round = rounds && 'round' in message ? `, round ${message.round}` : '';
  switch (message.type) {
    case 'append': {
      const what = message.entries.length > 0 ? formatEntries(message.entries) : 'heartbeat';
      return `${what} after ${idInWords(message.prev)}, commit ${message.commit}${round}`;
    }
    case 'append-accepted':
      return `accepted up to ${message.match}${round}`;
    case 'append-rejected':
      return `rejected at ${message.rejected}, hint ${idInWords(message.hint)}${round}`;
    case 'request-vote':
      return `asks for ${message.preVote ? 'a pre-vote' : 'a vote'}, last ${idInWords(message.last)}${message.transfer ? ', for a leadership transfer' : ''}`;
    case 'vote-reply': {
      const retired = message.removedBy > 0 ? `, removed by ${message.removedBy}` : '';
      return `${message.preVote ? 'pre-vote' : 'vote'} ${message.granted ? 'granted' : 'rejected'}${retired}`;
    }
    case 'install-snapshot':
      return `snapshot ${idInWords(message.snapshot)}, chunk ${message.chunk}${message.done ? ', the last' : ''}`;
    case 'snapshot-reply':
      return `wants chunk ${message.nextChunk} of snapshot ${idInWords(message.snapshot)}`;
    case 'timeout-now':
      return 'start an election now';
    default:
      return assertNever(message);
  }
}

function noticeInWords(notice: RaftNotice): string {
  switch (notice.type) {
    case 'election-timeout':
      return 'reaches its election timeout';
    case 'role':
      return `is ${notice.role} in term ${notice.term}${notice.role === 'follower' && notice.leader !== undefined ? ` of leader ${notice.leader}` : ''}`;
    case 'leader-known':
      return `follows leader ${notice.leader} in term ${notice.term}`;
    case 'voted':
      return `votes for ${notice.candidate} in term ${notice.term}`;
    case 'truncated':
      return `truncates its log from ${notice.from}`;
    case 'configuration':
      return `uses the configuration of ${notice.index}: ${configurationInWords(notice.configuration)}`;
    case 'removed':
      return `was removed by ${notice.by}, and starts no election`;
    case 'disk-lost':
      return `sees that ${notice.voter} came back with another disk`;
    case 'transfer':
      return {
        begun: `begins to transfer leadership to ${notice.to}`,
        asked: `asked ${notice.to} to lead`,
        'given-up': `continues to lead: ${notice.to} did not take over`,
      }[notice.outcome];
    default:
      return assertNever(notice);
  }
}

function formatRejection(rejection: Rejection): string {
  switch (rejection.reason) {
    case 'not-leader':
      return `rejects: not the leader${rejection.leader === undefined ? '' : `, ${rejection.leader} is`}`;
    case 'overloaded':
      return `rejects: overloaded, ${rejection.uncommittedBytes} bytes are not committed`;
    case 'transferring':
      return `rejects: leadership is being transferred to ${rejection.to}`;
    case 'not-ready':
      return 'rejects: nothing of its own term is committed yet';
    case 'change-pending':
      return 'rejects: another change is pending';
    case 'voters-asked':
      return `asks ${rejection.voters.join(', ')} to reply`;
    case 'too-few-voters':
      return `rejects: of ${rejection.voters.join(', ')}, only ${rejection.present.join(', ') || 'none'} replies with its disk`;
    case 'too-few-copies':
      return `rejects: without ${rejection.node}, only ${rejection.holders.join(', ') || 'none'} of ${rejection.voters.join(', ')} has everything`;
    default:
      return `rejects: ${rejection.message}`;
  }
}

/** What one step changed at the node itself; its messages are shown when they are sent. */
export function formatEffects(id: number, effects: Effects): string[] {
  const lines: string[] = [];
  if (effects.rejected !== undefined) lines.push(formatRejection(effects.rejected));
  for (const notice of effects.notices) lines.push(noticeInWords(notice));
  if (effects.append !== undefined) lines.push(`appends ${appendedInWords(effects.append.entries)}`);
  if (effects.commit !== undefined) lines.push(`commits up to ${effects.commit}`);
  for (const { batch, index } of effects.readable) lines.push(`may serve read ${batch} with the state at ${index}`);
  for (const peer of effects.snapshotsWanted) lines.push(`has compacted away what ${peer} needs: a snapshot is wanted`);
  return lines.map((line) => `${id} ${line}`);
}
