import { parseJobId } from '../../client/api/job-id.ts';
import { checkedLogRow, readLogPage } from '../../client/api/job-logs.ts';
import { JobNotFoundError } from '../../client/errors.ts';
import type { AddLogRequestProto, ClearLogsRequestProto, GetLogsRequestProto } from '../../transport/grpc/jobs-service.ts';
import { changeOfJob, commandsOf } from './job-change.ts';
import { consistencyOf } from './job-protos.ts';
import type { ServedCall } from './operations.ts';
import { countOf } from './page-size.ts';

/** What a node serves of the service Jobs about the logs of jobs. */
export const LOG_CALLS = {
  AddLog: async (request: AddLogRequestProto, served: ServedCall) => {
    const { token, keep_max: keepMax } = request;
    const row = checkedLogRow(request.row);
    const { rows } = await changeOfJob(
      'logged',
      request,
      served,
      (encoder, job) => encoder.command('addLog', { ...job, token, keepMax, row }),
      row.length,
    );
    return { rows };
  },
  ClearLogs: async (request: ClearLogsRequestProto, served: ServedCall) => {
    await changeOfJob('done', request, served, (encoder, job) => encoder.command('clearLogs', { ...job, keepMax: request.keep_max }));
    return {};
  },
  GetLogs: async ({ queue, id, start, count_max, descending, consistency }: GetLogsRequestProto, { client }: ServedCall) => {
    const sought = parseJobId(id);
    const commands = commandsOf(client, queue);
    const read = consistencyOf(consistency);
    const jobId = typeof sought === 'number' ? sought : (await commands.find(sought, read))?.id;
    const page = { start, countMax: countOf(count_max), isDescending: descending };
    const found = jobId === undefined ? undefined : await readLogPage(commands, jobId, page, read);
    if (found === undefined) throw new JobNotFoundError(sought);
    return { rows: found.rows, total: found.total };
  },
};
