import { z } from 'zod';

const notEmpty = (cell: unknown): unknown => (cell === '' ? undefined : cell);

/** Cells of a CSV as values of a row; an empty one is `null` where that is allowed. */
export const number = z.preprocess(notEmpty, z.coerce.number());
export const count = z.preprocess(notEmpty, z.coerce.number().int().min(0));
export const optionalNumber = z.preprocess((cell) => (cell === '' ? null : cell), z.union([z.null(), z.coerce.number()]));
