import type { Answer } from '../../eval/questions/question-file.ts';

/** A session with these rows in its rounds. */
export function answerOf<Row extends object>(rounds: readonly (readonly Row[])[]): Answer<Row> {
  const facts = { session: '2026-01-01T00:00:00.000Z', commit: '0123456789', environment: 'abcdef01', nodes: 3, durability: 'full' };
  const { nodes: session_nodes, ...shared } = facts;
  const load = { fdatasync_p50_ms: 0.2, load_average: 0.1, steal_share: 0, other_cpu_share: 0 };
  const rows = rounds.flatMap((of, at) =>
    of.map((row) => ({ ...row, ...shared, session_nodes, measured: facts.session, round: at + 1, step: 'a step', ...load })),
  );
  return { facts, rows };
}
