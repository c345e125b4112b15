import { until } from '../upgrade/processes.ts';
import { CUT_MS, fromNode, others, pairs, toNode } from './cuts.ts';
import { pass, type Scenario, type Stage, secondsSince } from './scenario.ts';

/** Adds that are acknowledged during a fault before it ends. */
const PROGRESS = 40;
/** Or its outcome is unknown: it was forwarded to a node that no packet reaches. */
const REJECTED = /UNAVAILABLE: No leader available\./;
/** A node looks for the leader for five seconds. */
const ADD_MS_MAX = 20_000;

/** Another node leads, and adds go on. @returns it. */
async function replaced({ cluster, load, leader, term, note, fault }: Stage): Promise<number> {
  const sinceMs = performance.now();
  const next = await cluster.leaderAfter(term);
  if (next.leader === leader) fault(`Node ${leader} leads again, though it reaches no majority.`);
  await load.more(PROGRESS);
  note(`adds go on after ${secondsSince(sinceMs)}`);
  return next.leader;
}

/** Adds go on for the time of a fault. Another node leads only after an election, which is judged with all others at the end. */
async function kept({ cluster, load, leader, term, note }: Stage): Promise<void> {
  await Promise.all([load.more(PROGRESS), pass(CUT_MS)]);
  const { leader: now, term: later } = await cluster.leaderAfter(term - 1);
  if (now !== leader || later !== term) note(`node ${now} leads in term ${later}, in place of node ${leader} in term ${term}`);
}

/** Ends a fault. */
async function restored({ cluster, links, note }: Stage): Promise<void> {
  links.restore();
  const sinceMs = performance.now();
  await cluster.settled();
  note(`all follow again after ${secondsSince(sinceMs)}`);
}

/** A node that cannot lead notices it, and says so. */
async function stepsDown({ cluster, leader }: Stage): Promise<void> {
  await until(`node ${leader} no longer leads`, async () => (await cluster.api(leader).status()).state !== 'LEADER');
}

const faultOf = (rows: string, name: string, elections: Scenario['elections'], isInShortForm: boolean, run: Scenario['run']): Scenario => ({
  rows,
  name,
  elections,
  isInShortForm,
  run,
});

/** Links that are cut and restored: both ways, one way, partially. */
export const LINK_SCENARIOS: readonly Scenario[] = [
  faultOf('G4 G5', 'the leader is cut off from all', 'some', true, async (stage) => {
    stage.links.unplug(stage.leader);
    await replaced(stage);
    await restored(stage);
  }),
  faultOf('G5 C7', 'a follower is cut off from all, and comes back', 'none', true, async (stage) => {
    stage.links.unplug(others(stage.leader)[0] ?? 0);
    await kept(stage);
    await restored(stage);
  }),
  faultOf('G4 G5', 'the leader and one follower are cut off from the other three', 'some', true, async (stage) => {
    const { links, leader } = stage;
    const minority = [leader, others(leader)[0] ?? 0];
    links.block(pairs((one, other) => minority.includes(one) !== minority.includes(other)));
    await replaced(stage);
    await stepsDown(stage);
    await restored(stage);
  }),
  faultOf('G4 G5', 'the leader receives, but reaches no node', 'some', true, async (stage) => {
    const { links, leader } = stage;
    links.blockOneWay(fromNode(leader));
    await replaced(stage);
    await stepsDown(stage);
    await restored(stage);
  }),
  faultOf('G4 G5', 'the leader sends, but receives from no node', 'some', false, async (stage) => {
    const { links, leader } = stage;
    links.blockOneWay(toNode(leader));
    await replaced(stage);
    await stepsDown(stage);
    await restored(stage);
  }),
  faultOf('G5 C7', 'a follower does not receive from the leader', 'none', false, async (stage) => {
    stage.links.blockOneWay([[stage.leader, others(stage.leader)[0] ?? 0]]);
    await kept(stage);
    await restored(stage);
  }),
  faultOf('G5 C7', 'a follower receives, but reaches no node', 'none', false, async (stage) => {
    const [follower = 0] = others(stage.leader);
    stage.links.blockOneWay(fromNode(follower));
    await kept(stage);
    await restored(stage);
  }),
  faultOf('G5 C7', 'the leader and a follower do not reach each other, all others do', 'none', true, async (stage) => {
    stage.links.block([[stage.leader, others(stage.leader)[0] ?? 0]]);
    await kept(stage);
    await restored(stage);
  }),
  faultOf('G4 G5', 'only one follower reaches all nodes', 'some', true, async (stage) => {
    const { links, leader, fault } = stage;
    const [hub = 0] = others(leader);
    links.block(pairs((one, other) => one !== hub && other !== hub));
    const next = await replaced(stage);
    if (next !== hub) fault(`Node ${next} leads, which reaches only node ${hub}.`);
    await restored(stage);
  }),
  faultOf('G4 G5', 'the nodes are a chain, with the leader at its end', 'some', false, async (stage) => {
    const { links, leader } = stage;
    const chain = [leader, ...others(leader)];
    links.block(pairs((one, other) => Math.abs(chain.indexOf(one) - chain.indexOf(other)) > 1));
    await replaced(stage);
    await restored(stage);
  }),
  faultOf('G2 G5', 'no node reaches another one', 'any', true, async (stage) => {
    const { cluster, links, fault, note } = stage;
    links.block(pairs(() => true));
    await stepsDown(stage);
    const follower = cluster.api(others(stage.leader)[0] ?? 0);
    // Until then it forwards the add to the leader that it knows, and the outcome is unknown.
    await until('a follower knows of no leader', async () => (await follower.status()).leader_id === 0);
    const reply = await follower.add('rejected', 1, ADD_MS_MAX).then(
      (id) => `job ${id} was acknowledged`,
      (error: unknown) => String(error),
    );
    if (!REJECTED.test(reply)) fault(`Without a majority: ${reply}`);
    else note(`an add meanwhile: ${reply.replace(/\. .*$/s, '')}`);
    await restored(stage);
  }),
];
