/**
 * The state of a disk on which a node's messages are based: a counter that is raised when the file is opened, at checkpoints and when it is
 * closed, and a random number for the life that began with the opening, in one safe integer. A life of a file lasts from one opening to the
 * next. Zero is the generation of a file without one, and of nodes whose state does not outlive their process; it is accepted everywhere.
 *
 * Why a copy does not count: let r be a record that the copy is behind, R the voters other than the copied one that have r committed before
 * the copy is opened, and let every majority with the copy in it contain one of R, called m.
 * - If the copy is a candidate, m has the entry of r, which the copy lacks, and rejects it (Raft §5.4.1).
 * - If another node is a candidate, with the copy's vote: it requests votes from all voters at once, so m votes after the copy was opened,
 *   and has the entry. Either the candidate has it, so that its request carries r and the copy stops; or m rejects it.
 * - A leader that has the entry counts no reply of the copy. One that lacks it may have acknowledgements of m from before. It counts
 *   another life of a disk only for the entry that records this life in its log, for the entries after it, and for all others once that
 *   entry is committed (see `raft/counting.ts`). The entry is younger than the life, and from then on m replies to no leader that lacks r:
 *   r is of m's term, whose leader wrote it, or of an earlier one, so that every later leader has it. So the entry of the copy's life is
 *   never committed there, with the copy or without: a majority and the copy together are a majority with the copy in it, and contain a
 *   member of R that is not the copy.
 * Premises:
 * - "Every majority" means that of each configuration by which a node may still campaign or lead, including one before a change that it has
 *   not received.
 * - No message to an earlier life reaches the present one, since a channel ends with a life; this includes RequestVote.
 * - The record is ahead of the copy: a record of an opening alone is ahead by one, until the copy is opened once more.
 *
 * Recording a life need not wait for a commit or a round of messages: counters only grow, so that a copy that runs beside its original disk
 * causes one record at most, and the disk another one, which the copy is behind.
 *
 * Two cases remain. A copy that was taken after the raise that r records is of the present generation, and is accepted. A copy that is
 * opened before R has r cannot be distinguished from the next opening of the disk until then, and different leaders may count both.
 */
export type Generation = number & { readonly [brand]: 'Generation' };
declare const brand: unique symbol;

/** Two openings of copies of one file agree in the random number once in 262,144 cases. */
const LIVES = 2 ** 18;
/**
 * A checkpoint or a graceful close raises the counter by this much; an opening raises it by one. A copy that is opened repeatedly,
 * without contact to a node that has the record, stays behind the record for that many openings. At one checkpoint a second the counter
 * lasts for 17 years.
 */
const RAISE = 64;

export const asGeneration = (value: number): Generation => value as Generation;
export const ANY_GENERATION = asGeneration(0);

/** @param life see {@link lifeOf}. */
export const makeGeneration = (counter: number, life: number): Generation => asGeneration(counter * LIVES + life);

/** A life's number. @param random any non-negative integer. */
export const lifeOf = (random: number): number => 1 + (random % (LIVES - 1));

export const counterOf = (generation: Generation): number => Math.floor(generation / LIVES);
const lifeIn = (generation: Generation): number => generation % LIVES;

/** Whether the file was not opened between the two; no generation is of any life. */
export const isSameLife = (one: Generation, other: Generation): boolean =>
  one === ANY_GENERATION || other === ANY_GENERATION || lifeIn(one) === lifeIn(other);

/** The generation of a file that is opened: the beginning of a life. */
export const openedGeneration = (generation: Generation, life: number): Generation => makeGeneration(counterOf(generation) + 1, life);

/** The next one of the same life. */
export const raisedGeneration = (generation: Generation): Generation => makeGeneration(counterOf(generation) + RAISE, lifeIn(generation));

/**
 * Whether the shown generation may come from the recorded disk: it is of the same life, whose messages may be late, or of a later opening.
 * Every other one is from a file that was restored from a copy older than the record, or in a late message of an earlier life.
 */
export function isAccepted(record: Generation, shown: Generation): boolean {
  return isSameLife(record, shown) || counterOf(shown) > counterOf(record);
}
