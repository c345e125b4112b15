type Name =
  | 'id'
  | 'queueName'
  | 'name'
  | 'data'
  | 'opts'
  | 'timestamp'
  | 'attemptsMade'
  | 'stalledCounter'
  | 'state'
  | 'finishedOn'
  | 'returnvalue'
  | 'failedReason'
  | 'progress'
  | 'repeatJobKey'
  | 'scheduledFor';
type Shown = { readonly [Key in Name]: unknown };

/** The fields of a job as JSON. @param processedOn undefined where it is not known. */
export function jsonOf(job: Shown, processedOn: number | undefined): object {
  const { id, queueName, name, data, opts, timestamp, attemptsMade, stalledCounter, state, finishedOn, returnvalue, failedReason } = job;
  const { progress, repeatJobKey, scheduledFor } = job;
  const times = { timestamp, processedOn, finishedOn };
  return {
    id,
    queueName,
    name,
    data,
    opts,
    ...times,
    attemptsMade,
    stalledCounter,
    state,
    progress,
    returnvalue,
    failedReason,
    repeatJobKey,
    scheduledFor,
  };
}
