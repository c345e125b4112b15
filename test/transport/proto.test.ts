import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import { describe, expect, it } from 'vitest';
import { COMMAND_NAMES, COMMANDS, type CommandName } from '../../src/protocol/commands.ts';
import { POLICY_FIELDS } from '../../src/protocol/policy.ts';

const FILES = ['jobraft.proto', 'raft.proto'];
const recorded = join(import.meta.dirname, 'proto-fields.txt');
const folder = resolve(import.meta.dirname, '../../proto');

interface MessageType {
  readonly field: readonly { readonly name: string; readonly number: number; readonly type: string; readonly label: string }[];
}
interface EnumType {
  readonly value: readonly { readonly name: string; readonly number: number }[];
}

const definitions = new Map(FILES.map((file) => [file, loadSync(join(folder, file), { keepCase: true })]));
const definitionOf = (file: string): PackageDefinition => definitions.get(file) as PackageDefinition;

/** Messages and enums; services have methods instead. */
function typesIn(file: string): [name: string, type: MessageType | EnumType][] {
  return Object.entries(definitionOf(file)).flatMap(([name, definition]) =>
    'type' in definition ? [[name, definition.type as unknown as MessageType | EnumType]] : [],
  );
}

function numbers(): string[] {
  return FILES.flatMap(typesIn).flatMap(([name, type]) => {
    if ('value' in type) return type.value.map((value) => `${name}.${value.name} = ${value.number}`);
    return type.field.map((field) => `${name}.${field.name} = ${field.number} ${field.label} ${field.type}`);
  });
}

const withoutPrefix = (text: string): string => text.replace('LABEL_', '').replace('TYPE_', '').toLowerCase();
const lines = (): string[] =>
  numbers()
    .map((line) => line.replace(/ LABEL_\S+ TYPE_\S+$/, withoutPrefix))
    .toSorted();

function fieldsOf(file: string, message: string): string[] {
  const [, type] = typesIn(file).find(([name]) => name.endsWith(`.${message}`)) ?? [];
  return type !== undefined && 'field' in type ? type.field.map(({ name }) => name) : [];
}

describe('the numbers of fields', () => {
  // PROTO=write adds new ones: the line of one that exists never changes, as long as any release may send it.
  if (process.env.PROTO === 'write') writeFileSync(recorded, `${lines().join('\n')}\n`);

  it('are those that were recorded', () => {
    expect(lines()).toEqual(readFileSync(recorded, 'utf8').trim().split('\n'));
  });

  it('are once in each message', () => {
    for (const [name, type] of FILES.flatMap(typesIn)) {
      if (!('field' in type)) continue;
      expect(new Set(type.field.map(({ number }) => number)).size, name).toBe(type.field.length);
    }
  });
});

describe('raft.proto', () => {
  // The arguments and results of Figure 2 and Figure 13 of the paper, in snake case; entries carry the index by their place.
  it.each([
    ['RequestVoteRequest', ['term', 'candidate_id', 'last_log_index', 'last_log_term']],
    ['RequestVoteResponse', ['term', 'vote_granted']],
    ['AppendEntriesRequest', ['term', 'leader_id', 'prev_log_index', 'prev_log_term', 'entries', 'leader_commit']],
    ['AppendEntriesResponse', ['term', 'success']],
    ['InstallSnapshotRequest', ['term', 'leader_id', 'last_included_index', 'last_included_term', 'data', 'done']],
    ['InstallSnapshotResponse', ['term']],
    ['TimeoutNowRequest', ['term', 'leader_id']],
  ])('names the fields of %s as the paper does', (message, fields) => {
    expect(fieldsOf('raft.proto', message)).toEqual(expect.arrayContaining(fields));
  });

  it('has the RPCs of the paper and the thesis', () => {
    const service = definitionOf('raft.proto')['jobraft.raft.v1.Raft'] ?? {};
    expect(Object.keys(service)).toEqual(expect.arrayContaining(['RequestVote', 'AppendEntries', 'InstallSnapshot', 'TimeoutNow']));
  });
});

/** The call of each command, and the names of its fields where they differ. The queue is in every message. */
const CALLS: Readonly<Record<string, readonly [call: string, message: string, fields?: Readonly<Record<string, string>>]>> = {
  add: ['Add', 'AddRequest', { payload: 'data', delayMs: 'options', priority: 'options' }],
  extend: ['Extend', 'ExtendRequest'],
  complete: ['Complete', 'CompleteRequest', { payload: 'result' }],
  fail: ['Fail', 'FailRequest', { retry: 'unrecoverable' }],
  release: ['Release', 'LeaseRequest'],
  counts: ['GetCounts', 'QueueRequest'],
  getJob: ['GetJob', 'GetJobRequest'],
  claim: ['Claim', 'ClaimRequest', { beginMax: 'ahead', stalledMax: 'max_stalled_count' }],
  begin: ['Begin', 'LeaseRequest'],
  retry: ['Retry', 'JobRequest'],
  remove: ['Remove', 'JobRequest'],
  releaseHolder: ['ReleaseHolder', 'ReleaseHolderRequest'],
  pause: ['PauseQueue', 'QueueRequest', { isPaused: 'queue' }],
  isPaused: ['GetQueue', 'QueueRequest'],
  setConcurrency: ['SetConcurrency', 'SetConcurrencyRequest'],
  concurrency: ['GetQueue', 'QueueRequest'],
  setRateLimit: ['SetRateLimit', 'SetRateLimitRequest'],
  rateLimit: ['GetQueue', 'QueueRequest'],
  holdClaims: ['HoldClaims', 'HoldClaimsRequest'],
  promote: ['Promote', 'JobRequest'],
  changePriority: ['ChangePriority', 'ChangePriorityRequest'],
  changeDelay: ['ChangeDelay', 'ChangeDelayRequest'],
  updateProgress: ['UpdateProgress', 'UpdateProgressRequest', { payload: 'progress' }],
  updateData: ['UpdateData', 'UpdateDataRequest', { payload: 'data' }],
  clean: ['Clean', 'CleanRequest'],
  removeAlone: ['RemoveAlone', 'JobRequest'],
  removeUnprocessed: ['RemoveUnprocessedChildren', 'JobRequest'],
  removeDependency: ['RemoveChildDependency', 'JobRequest'],
  addLog: ['AddLog', 'AddLogRequest', { payload: 'row' }],
  clearLogs: ['ClearLogs', 'ClearLogsRequest'],
  getLogs: ['GetLogs', 'GetLogsRequest', { isDescending: 'descending' }],
  upsertScheduler: [
    'UpsertScheduler',
    'UpsertSchedulerRequest',
    {
      ...{ everyMs: 'times', offsetMs: 'times', startMs: 'times', endMs: 'times', ticksMax: 'times' },
      ...{ isImmediate: 'immediate', priority: 'job', payload: 'job' },
    },
  ],
  removeScheduler: ['RemoveScheduler', 'SchedulerRequest'],
  removeDeduplication: ['RemoveDeduplication', 'RemoveDeduplicationRequest', { holderJobId: 'id' }],
  jobIds: ['ListJobs', 'ListJobsRequest', { isDescending: 'ascending', afterRank: 'start', afterTie: 'start' }],
};
const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

describe('jobraft.proto', () => {
  const service = definitionOf('jobraft.proto')['jobraft.v1.Jobs'] ?? {};
  const commands = COMMAND_NAMES.filter((name) => !('isInternal' in COMMANDS[name]));

  it('has a call for every command that is not internal to a client', () => {
    expect(Object.keys(CALLS).toSorted()).toEqual([...commands].toSorted());
    expect(Object.keys(service)).toEqual(expect.arrayContaining(Object.values(CALLS).map(([call]) => call)));
  });

  it.each(Object.entries(CALLS))('gives %s all its fields', (command, [, message, renamed = {}]) => {
    const wanted = Object.keys(COMMANDS[command as CommandName].fields).map((field) =>
      field === 'jobId' ? 'id' : (renamed[field] ?? snakeCase(field)),
    );
    expect(fieldsOf('jobraft.proto', message)).toEqual(expect.arrayContaining(wanted));
  });

  it('has every option of a job', () => {
    const renamed: Readonly<Record<string, string>> = { attemptsMax: 'attempts', backoff: 'backoff_type', isLifo: 'lifo' };
    const options = ['delay_ms', 'priority', ...Object.keys(POLICY_FIELDS).map((field) => renamed[field] ?? snakeCase(field))];
    expect(fieldsOf('jobraft.proto', 'JobOptions')).toEqual(expect.arrayContaining(options));
  });
});
