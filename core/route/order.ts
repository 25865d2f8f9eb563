import type { MatchEntry, MatchField } from '../snapshot/schema.ts';

/** How much each field of a match adds to its specificity. `headers` is one field, however many of them are named. */
export const fieldWeights: Readonly<Record<keyof MatchEntry, number>> = {
  threadId: 64,
  chatId: 32,
  userId: 16,
  userIdAlt: 16,
  parentChatId: 8,
  guildId: 4,
  account: 2,
  platform: 1,
  chatType: 1,
  apiKey: 1,
  model: 1,
  headers: 1,
  expression: 1,
};

/** The match fields from the one that narrows most to the one that narrows least: the order in which they are looked up. */
export const bySelectivity: readonly MatchField[] = [
  'threadId',
  'chatId',
  'userId',
  'userIdAlt',
  'parentChatId',
  'guildId',
  'account',
  'apiKey',
  'model',
  'platform',
  'chatType',
];

/** The sum of the weights of the fields that a match names. */
export function specificity(match: MatchEntry): number {
  let sum = 0;
  for (const [field, weight] of weighted) if (match[field] !== undefined) sum += weight;
  return match.headers?.length === 0 ? sum - fieldWeights.headers : sum;
}

const weighted = Object.entries(fieldWeights) as readonly [keyof MatchEntry, number][];

/** What decides between two Routes that both match. `createdAt` is in Unix milliseconds. */
export interface RouteRank {
  readonly priority: number;
  readonly createdAt: number;
  readonly name: string;
}

/** A held match as it competes: for its Route against other Routes, and inside its Route by written order. */
export interface MatchRank {
  readonly route: RouteRank;
  readonly specificity: number;
  /** Places of the rule in its Route and of the match in its rule. */
  readonly rulePosition: number;
  readonly position: number;
}

/**
 * Negative when `a` goes before `b`: higher priority, more specific match, older Route, lower name. Two matches of one
 * Route that are equally specific keep the written order. Total, so that the result never depends on input order.
 */
export function compareMatches(a: MatchRank, b: MatchRank): number {
  return (
    b.route.priority - a.route.priority ||
    b.specificity - a.specificity ||
    compareAge(a.route, b.route) ||
    a.rulePosition - b.rulePosition ||
    a.position - b.position
  );
}

/** Negative when Route `a` wins a tie of priority and specificity: it is older, or equally old with the lower name. */
export function compareAge(a: RouteRank, b: RouteRank): number {
  if (a.createdAt !== b.createdAt) return a.createdAt - b.createdAt;
  if (a.name === b.name) return 0;
  return a.name < b.name ? -1 : 1;
}

/** The sort key of an RFC 3339 time; what does not parse (standalone mode may leave it blank) is equally old. */
export function ageOf(createdAt: string): number {
  const time = Date.parse(createdAt);
  return Number.isNaN(time) ? 0 : time;
}
