const PAGE = 100;
const PAGE_MAX = 1_000;

/** How many items a page has at most. @param countMax as it was asked for; 0 for the default. */
export const countOf = (countMax: number): number => (countMax === 0 ? PAGE : Math.min(countMax, PAGE_MAX));
