import type { CliCommand } from './command.ts';
import { backup, restore } from './commands/backup.ts';
import { certsCa, certsClient, certsNode } from './commands/certs.ts';
import { configImport } from './commands/config-import.ts';
import { demo } from './commands/demo.ts';
import { events } from './commands/events.ts';
import { flow } from './commands/flow.ts';
import { forceNewCluster } from './commands/force-new-cluster.ts';
import { jobs } from './commands/job-lists.ts';
import { jobLog } from './commands/job-log.ts';
import { add, change, job, promote, remove, retry } from './commands/jobs.ts';
import { keysAdd, keysList, keysNew } from './commands/keys.ts';
import { log } from './commands/log.ts';
import { logs } from './commands/logs.ts';
import { clean, drain } from './commands/many-jobs.ts';
import { membersAdd, membersRemove } from './commands/member-changes.ts';
import { members, transfer } from './commands/members.ts';
import { limit } from './commands/queue-limits.ts';
import { counts, pause, queues, resume } from './commands/queues.ts';
import { schedule, schedulers, unschedule } from './commands/schedulers.ts';
import { serve } from './commands/serve.ts';
import { sim } from './commands/sim.ts';
import { status } from './commands/status.ts';
import { tokensAdd, tokensList, tokensRevoke } from './commands/tokens.ts';
import { work } from './commands/work.ts';

/** Every command, in the order of the list of `--help`; those of a group follow each other. */
export const COMMANDS: readonly CliCommand[] = [
  demo,
  serve,
  work,
  add,
  job,
  jobs,
  flow,
  jobLog,
  retry,
  promote,
  change,
  remove,
  queues,
  counts,
  pause,
  resume,
  limit,
  drain,
  clean,
  schedulers,
  schedule,
  unschedule,
  events,
  status,
  members,
  membersAdd,
  membersRemove,
  transfer,
  log,
  backup,
  restore,
  forceNewCluster,
  certsCa,
  certsNode,
  certsClient,
  keysNew,
  keysAdd,
  keysList,
  tokensAdd,
  tokensList,
  tokensRevoke,
  logs,
  configImport,
  sim,
];
