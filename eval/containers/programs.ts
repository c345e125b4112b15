/** Programs that run in the client's container, on the package there. Both are ES modules, whose last line is JSON. */
const PRELUDE = `
const { connect } = await import('/jobraft/dist/src/remote/index.js');
const { Client, Queue } = await import('/jobraft/dist/src/index.js');
const { JOBRAFT_ENDPOINTS, JOBRAFT_TLS_CA: ca, JOBRAFT_TLS_CERTIFICATE: certificate, JOBRAFT_TLS_KEY: key, COUNT_MAX, END, QUEUE } = process.env;
const cluster = await connect({ endpoints: JOBRAFT_ENDPOINTS.split(','), tls: { ca, certificate, key }, timeoutMs: 60000 });
const client = new Client(cluster, { deadlineMs: 60000 });
const queue = new Queue(QUEUE, { connection: client });
`;
const END = `
await queue.close();
await client.close();
await cluster.close();
`;

/**
 * Adds jobs, each once the one before is acknowledged, and not faster than 200 a second, until the queue `END` has a job, `COUNT_MAX` at most. Prints
 * a line once the first is acknowledged, then their ids.
 */
export const ADD_PROGRAM = `${PRELUDE}
const ids = [];
let rejected = 0;
const end = new Queue(END, { connection: client });
let isOver = false;
const watch = async () => {
  while (!isOver) {
    isOver = await end.getJobCounts().then(({ waiting }) => waiting > 0, () => false);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
};
const watching = watch();
while (!isOver && ids.length < Number(COUNT_MAX)) {
  await queue.add('numbered', ids.length).then(({ id }) => ids.push(id), () => { rejected += 1; });
  if (ids.length === 1) console.log('the first job is acknowledged');
  await new Promise((resolve) => setTimeout(resolve, 5));
}
isOver = true;
await watching;
await end.close();
console.log(JSON.stringify({ ids, rejected }));
${END}`;

/** Reads the jobs of `IDS`, and prints which do not exist. */
export const FIND_PROGRAM = `${PRELUDE}
const lost = [];
for (const id of process.env.IDS.split(',')) if ((await queue.getJob(id)) === undefined) lost.push(id);
console.log(JSON.stringify({ lost }));
${END}`;

/** Adds jobs for `SECONDS`, 500 in flight, and prints how many were acknowledged. */
export const FLOOD_PROGRAM = `${PRELUDE}
const untilMs = Date.now() + 1000 * Number(process.env.SECONDS);
let added = 0;
let rejected = 0;
const lane = async () => {
  while (Date.now() < untilMs) await queue.add('flood', added).then(() => { added += 1; }, () => { rejected += 1; });
};
await Promise.all(Array.from({ length: 500 }, lane));
console.log(JSON.stringify({ added, rejected }));
${END}`;

/** Prints how many jobs of the queue wait. */
export const COUNT_PROGRAM = `${PRELUDE}
const { waiting } = await queue.getJobCounts();
console.log(JSON.stringify({ waiting }));
${END}`;
