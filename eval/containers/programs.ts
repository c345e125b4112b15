/** Programs that run in the client's container, on the package there. Both are ES modules, and print one line of JSON. */
const PRELUDE = `
const { connect } = await import('/jobraft/dist/src/remote/index.js');
const { Client, Queue } = await import('/jobraft/dist/src/index.js');
const { JOBRAFT_ENDPOINTS, JOBRAFT_TLS_CA: ca, JOBRAFT_TLS_CERTIFICATE: certificate, JOBRAFT_TLS_KEY: key, COUNT, QUEUE } = process.env;
const cluster = await connect({ endpoints: JOBRAFT_ENDPOINTS.split(','), tls: { ca, certificate, key }, timeoutMs: 60000 });
const client = new Client(cluster, { deadlineMs: 60000 });
const queue = new Queue(QUEUE, { connection: client });
`;
const END = `
await queue.close();
await client.close();
await cluster.close();
`;

/** Adds `COUNT` jobs, each once the one before is acknowledged, and not faster than 200 a second. Prints their ids. */
export const ADD_PROGRAM = `${PRELUDE}
const ids = [];
let rejected = 0;
for (let n = 0; n < Number(COUNT); n += 1) {
  await queue.add('numbered', n).then(({ id }) => ids.push(id), () => { rejected += 1; });
  await new Promise((resolve) => setTimeout(resolve, 5));
}
console.log(JSON.stringify({ ids, rejected }));
${END}`;

/** Reads the jobs of `IDS`, and prints which do not exist. */
export const FIND_PROGRAM = `${PRELUDE}
const lost = [];
for (const id of process.env.IDS.split(',')) if ((await queue.getJob(id)) === undefined) lost.push(id);
console.log(JSON.stringify({ lost }));
${END}`;
