import type { AgentEntry, MatchEntry, RouteEntry, RuleEntry, SnapshotContent } from '../snapshot/schema.ts';
import { type CompiledExpression, compileExpression } from './expression.ts';
import { ExpressionError } from './expression-error.ts';
import { type Condition, createMatchIndex, type MatchIndex } from './match-index.ts';
import { ageOf, bySelectivity, type RouteRank, specificity } from './order.ts';

/** Everything a request needs to find its agent: immutable, read once per request and kept to its end. */
export interface RouteTable {
  readonly agents: ReadonlyMap<string, AgentEntry>;
  /** Name of the one Agent that serves what no rule matched; absent when nobody has `default: true`. */
  readonly defaultAgent?: string;
  /** Compiled Routes by the entry they came from, so that the next compile can take them over. */
  readonly routes: ReadonlyMap<RouteEntry, CompiledRoute>;
  readonly index: MatchIndex<CompiledMatch>;
}

export interface CompiledRoute extends RouteRank {
  readonly rules: readonly CompiledRule[];
}

export interface CompiledRule {
  readonly route: CompiledRoute;
  readonly entry: RuleEntry;
  readonly position: number;
  readonly matches: readonly CompiledMatch[];
}

export interface CompiledMatch {
  readonly route: CompiledRoute;
  readonly rule: CompiledRule;
  readonly rulePosition: number;
  readonly position: number;
  readonly specificity: number;
  readonly conditions: readonly Condition[];
  readonly entry: MatchEntry;
  readonly expression?: CompiledExpression;
}

/**
 * Compiles the routing part of a snapshot. Route entries that are the same object as in `previous` are taken over as
 * they are. An expression that does not compile here stays as one that always fails, so its rule refuses and nothing
 * falls through to another Agent. Waits only when a new expression appears.
 */
export async function compileRoutes(content: SnapshotContent, previous?: RouteTable): Promise<RouteTable> {
  const routes = new Map<RouteEntry, CompiledRoute>();
  const matches: CompiledMatch[] = [];
  for (const entry of content.routes) {
    const route = previous?.routes.get(entry) ?? (await compileRoute(entry));
    routes.set(entry, route);
    for (const rule of route.rules) matches.push(...rule.matches);
  }
  const defaultAgent = content.agents.find((agent) => agent.default)?.name;
  return {
    agents: new Map(content.agents.map((agent) => [agent.name, agent])),
    ...(defaultAgent === undefined ? {} : { defaultAgent }),
    routes,
    index: createMatchIndex(matches),
  };
}

async function compileRoute(entry: RouteEntry): Promise<CompiledRoute> {
  const expressions = await compileExpressions(entry);
  const rules: CompiledRule[] = [];
  const route = { name: entry.name, priority: entry.priority, createdAt: ageOf(entry.createdAt), rules };
  for (const [position, rule] of entry.rules.entries()) rules.push(compileRule(route, rule, position, expressions));
  return route;
}

function compileRule(
  route: CompiledRoute,
  entry: RuleEntry,
  position: number,
  expressions: ReadonlyMap<string, CompiledExpression>,
): CompiledRule {
  const matches: CompiledMatch[] = [];
  const rule = { route, entry, position, matches };
  for (const [at, match] of entry.matches.entries()) {
    const expression = match.expression === undefined ? undefined : expressions.get(match.expression);
    matches.push({
      route,
      rule,
      rulePosition: position,
      position: at,
      specificity: specificity(match),
      conditions: conditionsOf(match),
      entry: match,
      ...(expression === undefined ? {} : { expression }),
    });
  }
  return rule;
}

/** The exact comparisons of a match, those that narrow most first. */
export function conditionsOf(match: MatchEntry): Condition[] {
  const conditions: Condition[] = [];
  for (const name of bySelectivity) {
    const value = match[name];
    if (value !== undefined) conditions.push({ kind: 'field', name, value });
  }
  const headers = (match.headers ?? []).map(({ name, value }) => ({
    kind: 'header' as const,
    name: name.toLowerCase(),
    value,
  }));
  return [...conditions, ...headers.sort((a, b) => (a.name < b.name ? -1 : 1))];
}

async function compileExpressions(entry: RouteEntry): Promise<ReadonlyMap<string, CompiledExpression>> {
  const compiled = new Map<string, CompiledExpression>();
  for (const { matches } of entry.rules) {
    for (const { expression: text } of matches) {
      if (text !== undefined && !compiled.has(text)) compiled.set(text, await compileOrFail(text));
    }
  }
  return compiled;
}

async function compileOrFail(text: string): Promise<CompiledExpression> {
  try {
    return await compileExpression(text);
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    const failure = { error: error.message };
    return { text, evaluate: () => failure };
  }
}
