import type { Answer, Provenance } from '../../eval/questions/question-file.ts';

const PROVENANCE: Provenance = {
  ...{ session: '2026-01-01T00:00:00.000Z', commit: '0123456789', environment: 'machine', session_nodes: 3, durability: 'full' },
  ...{ measured: '2026-01-01T00:00:01.000Z', round: 1, step: 'one' },
  ...{ fdatasync_p50_ms: 0.2, load_average: 0.1, steal_share: 0, other_cpu_share: 0 },
};

/** An answered question with these rows, all of one session. */
export const answerOf = <Row extends object>(rows: readonly (Row & Partial<Provenance>)[]): Answer<Row> => ({
  facts: { session: PROVENANCE.session, commit: PROVENANCE.commit, environment: PROVENANCE.environment, nodes: 3, durability: 'full' },
  rows: rows.map((row) => ({ ...PROVENANCE, ...row })),
});

/** The same with the rows of each round. */
export const answerOfRounds = <Row extends object>(rounds: readonly (readonly Row[])[]): Answer<Row> =>
  answerOf(rounds.flatMap((rows, at) => rows.map((row) => ({ ...row, round: at + 1 }))));
