import { ageOf, compareMatches, type MatchRank, specificity } from '../../core/route/order.ts';
import { type MatchEntry, matchFields, type RouteEntry } from '../../core/snapshot/schema.ts';
import { routeSchema } from '../../crds/route.ts';
import { readyCell, type StoredRoute, specOf } from '../remote/cluster-objects.ts';
import type { Column } from '../remote/output.ts';

/** A Route, wherever it was read. */
export interface RouteView {
  readonly rules: readonly Pick<RouteEntry['rules'][number], 'name' | 'matches' | 'agentRefs'>[];
  readonly rank: MatchRank['route'];
  readonly ready: string;
}

/** A Route as a cluster has it. */
export function viewOfStoredRoute(route: StoredRoute): RouteView {
  const { metadata } = route;
  const spec = specOf(routeSchema, route);
  const createdAt = ageOf(metadata.creationTimestamp ?? '');
  return {
    rules: spec?.rules ?? [],
    rank: { name: metadata.name, priority: spec?.priority ?? 0, createdAt },
    ready: readyCell(route),
  };
}

/** A Route as a gateway serves it; it is not ready while one of its Agents is missing. */
export function viewOfServedRoute(
  { name, priority, createdAt, rules }: RouteEntry,
  isAgent: (name: string) => boolean,
): RouteView {
  const complete = rules.every(({ agentRefs }) => agentRefs.every((agent) => isAgent(agent.name)));
  return { rules, rank: { name, priority, createdAt: ageOf(createdAt) }, ready: complete ? 'True' : 'False' };
}

/** One match of a rule, as it competes with all others. */
export interface MatchView extends MatchRank {
  readonly rule: string;
  readonly entry: MatchEntry;
  readonly agentRefs: RouteView['rules'][number]['agentRefs'];
  readonly ready: string;
}

/** All matches of these Routes: of those that hold for a message, the first decides, in its Route by the first rule that holds. */
export function matchesInOrder(routes: readonly RouteView[]): readonly MatchView[] {
  return routes.flatMap(matchesOf).sort(compareMatches);
}

function matchesOf({ rules, rank, ready }: RouteView): readonly MatchView[] {
  return rules.flatMap(({ name, matches, agentRefs }, rulePosition) =>
    matches.map((entry, position) => ({
      route: rank,
      rule: name,
      entry,
      agentRefs,
      ready,
      specificity: specificity(entry),
      rulePosition,
      position,
    })),
  );
}

export const matchColumns: readonly Column<MatchView>[] = [
  { title: 'RULE', cell: ({ route, rule }) => `${route.name}/${rule}` },
  { title: 'PRIORITY', cell: ({ route }) => String(route.priority) },
  { title: 'SPECIFICITY', cell: (match) => String(match.specificity) },
  { title: 'AGENTS', cell: agentsCell },
  { title: 'READY', cell: ({ ready }) => ready, state: true },
  { title: 'MATCH', cell: matchCell },
];

/** `a`, or with weights `a:90,b:10`. */
function agentsCell({ agentRefs }: MatchView): string {
  const [only, another] = agentRefs;
  if (another === undefined) return only?.name ?? '';
  return agentRefs.map(({ name, weight }) => `${name}:${weight}`).join(',');
}

const longest = 60;

/** `platform=telegram chatId=-100123` */
function matchCell({ entry }: MatchView): string {
  const fields = matchFields.flatMap((name) => (entry[name] === undefined ? [] : [`${name}=${entry[name]}`]));
  const headers = (entry.headers ?? []).map(({ name, value }) => `${name}: ${value}`);
  const expression = entry.expression === undefined ? [] : [entry.expression];
  const text = [...fields, ...headers, ...expression].join(' ');
  return text.length > longest ? `${text.slice(0, longest - 1).toWellFormed()}…` : text;
}
