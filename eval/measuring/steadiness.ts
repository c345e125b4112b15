/** Behind a rate that is not established. The report explains it once, at its beginning. */
export const NOT_STEADY = '*';

/** What {@link NOT_STEADY} means. */
export const NOT_STEADY_RULE = `\`${NOT_STEADY}\` behind a rate: it became steady in no round, or is below that of a longer path, so that it is no limit: which rate is the limit is not established.`;

/** A round whose rate became steady has 1; `null` is of figures without a rate. */
interface Round {
  readonly is_steady: number | null;
}

/** Whether some round became steady. */
export const isEstablished = (rounds: readonly Round[]): boolean => rounds.some(({ is_steady }) => is_steady === 1);

/** {@link NOT_STEADY} where no round became steady. */
export const steadyMark = (rounds: readonly Round[]): string => (rounds.length === 0 || isEstablished(rounds) ? '' : NOT_STEADY);

/** `2 of 3`: the rounds that became steady, of all; a dash where there are none. */
export const steadyRounds = (rounds: readonly Round[]): string =>
  rounds.length === 0 ? '–' : `${rounds.filter(({ is_steady }) => is_steady === 1).length} of ${rounds.length}`;
