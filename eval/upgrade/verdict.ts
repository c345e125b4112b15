/** Codes by which a build says that it cannot use the data or the channels of another one. */
const REJECTION_CODES = ['HANDSHAKE_REJECTED', 'STORAGE_SCHEMA', 'VERSION_UNSUPPORTED'];

/** A build has said, by a typed error, that it does not go together with the other one. */
export interface Rejection {
  readonly code: string;
  /** What it printed or threw, for its reader. */
  readonly text: string;
}

/** @param text an error's message, or what a process wrote to standard error. */
export function rejectionIn(text: string): Rejection | undefined {
  const lines = text.split('\n');
  const line = lines.find((each) => REJECTION_CODES.some((code) => each.includes(code)));
  const code = REJECTION_CODES.find((each) => line?.includes(each));
  if (code === undefined || line === undefined) return undefined;
  // Of an error that is printed with its fields, they are the last lines.
  const said = /^\s*code:/.test(line) ? lines.find((each) => each.includes('Error: ')) : undefined;
  return { code, text: (said ?? line).trim() };
}

/** One node as it is at the end of a run. */
export interface Replica {
  readonly node: number;
  readonly state: string;
  readonly term: number;
  readonly leaderId: number | null;
  readonly applied: number;
  /** A digest of the jobs that it has. */
  readonly content: string;
}

/** What a run left behind. */
export interface RunFacts {
  /** Ids of jobs whose adds were acknowledged. */
  readonly acknowledged: readonly string[];
  /** All jobs that are there at the end, by id. */
  readonly states: ReadonlyMap<string, string>;
  readonly replicas: readonly Replica[];
  /** Of the cluster. */
  readonly nodes: number;
  /** Processes and nodes that ended by themselves, adds that were rejected, and what did not happen in time. */
  readonly faults: readonly string[];
}

const IDS_SHOWN = 5;

/** @returns a line for each violation; none for a run as it has to be. */
export function violationsOf({ acknowledged, states, replicas, nodes, faults }: RunFacts): string[] {
  const lost = acknowledged.filter((id) => !states.has(id));
  const unfinished = [...states].filter(([, state]) => state !== 'completed');
  return [
    ...faults,
    ...(acknowledged.length === 0 ? ['No add was acknowledged.'] : []),
    ...(lost.length === 0 ? [] : [`${lost.length} acknowledged jobs are lost: ${shown(lost)}.`]),
    ...(unfinished.length === 0
      ? []
      : [`${unfinished.length} jobs are not completed: ${shown(unfinished.map(([id, state]) => `${id} (${state})`))}.`]),
    ...replicaViolations(replicas, nodes),
  ];
}

/** @returns a line for each violation: no leader or several, a node that does not follow it or differs. */
export function replicaViolations(replicas: readonly Replica[], nodes: number): string[] {
  if (replicas.length !== nodes) return [`${replicas.length} of ${nodes} nodes reply.`];
  const leaders = replicas.filter(({ state }) => state === 'leader');
  const [leader] = leaders;
  if (leader === undefined || leaders.length > 1) return [`${leaders.length} nodes lead: ${replicaText(replicas)}.`];
  const isAlike = ({ term, leaderId, applied, content }: Replica): boolean =>
    term === leader.term && leaderId === leader.node && applied === leader.applied && content === leader.content;
  return replicas.every(isAlike) ? [] : [`The replicas differ: ${replicaText(replicas)}.`];
}

const shown = (items: readonly string[]): string => `${items.slice(0, IDS_SHOWN).join(', ')}${items.length > IDS_SHOWN ? ', …' : ''}`;

const replicaText = (replicas: readonly Replica[]): string =>
  replicas
    .map(({ node, state, term, leaderId, applied, content }) =>
      [`node ${node} ${state}`, `term ${term}`, `leader ${leaderId}`, `applied ${applied}`, `content ${content.slice(0, 8)}`].join(', '),
    )
    .join('; ');

/** The line that a run ends with. @param rejection where the other build rejects what this one wrote, which is no violation of a downgrade. */
export function outcomeLine(name: string, facts: RunFacts, rejection: Rejection | undefined): string {
  const violations = violationsOf(facts);
  if (violations.length > 0) return [`${name}: VIOLATED`, ...violations.map((violation) => `  ${violation}`)].join('\n');
  const { acknowledged, states, nodes } = facts;
  const done = `${name}: ${acknowledged.length} adds acknowledged, ${states.size} jobs completed, none lost; one leader, ${nodes} equal replicas`;
  return rejection === undefined ? done : `${done}; the builds do not go together in one step (${rejection.code}): ${rejection.text}`;
}
