/** How an operator changes the members of a quiescent cluster. */
export const MEMBER_STORIES = [
  'named-twice',
  'cancelled',
  'lost-while-leaving',
  'cancelled-while-lost',
  'lost-before-removal',
  'lost-before-others-leave',
] as const;
export type MemberStory = (typeof MEMBER_STORIES)[number];
