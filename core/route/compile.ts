import type { AgentEntry, MatchEntry, RouteEntry, RoutePart, RuleEntry, SnapshotContent } from '../snapshot/schema.ts';
import { type CompiledExpression, compileExpression } from './expression.ts';
import { ExpressionError } from './expression-error.ts';
import { createMatchIndex, type MatchIndex } from './match-index.ts';
import { ageOf, type MatchRank, type RouteRank, specificity } from './order.ts';
import type { RuleOrigin } from './outcome.ts';
import { canHold, conditionsOf, headersOf, type Pattern } from './pattern.ts';
import { splits } from './weights.ts';

/** Everything a request needs to find its agent: immutable, read once per request and kept to its end. */
export interface RouteTable {
  readonly agents: ReadonlyMap<string, AgentEntry>;
  /** Name of the one Agent that serves what no rule matched; absent when nobody has `default: true`. */
  readonly defaultAgent?: string;
  /** Compiled Routes by the part they came from, so that the next compile takes over unchanged parts. */
  readonly parts: ReadonlyMap<RoutePart, readonly CompiledRoute[]>;
  readonly index: MatchIndex<CompiledMatch>;
}

export interface CompiledRoute extends RouteRank {
  readonly rules: readonly CompiledRule[];
}

export interface CompiledRule {
  readonly entry: RuleEntry;
  /** What an outcome tells of the rule that chose it. */
  readonly origin: RuleOrigin;
  /** The agent of a rule that does not split. */
  readonly onlyAgent?: string;
  /** Those that some message can meet. */
  readonly matches: readonly CompiledMatch[];
}

export interface CompiledMatch extends MatchRank, Pattern {
  readonly route: CompiledRoute;
  readonly rule: CompiledRule;
  readonly expression: CompiledExpression | undefined;
}

/**
 * Compiles the routing part of a snapshot. The Routes may come in parts; then `content.routes` is not read. A part that is the same list as in `previous` is
 * taken over, a Route entry that was compiled before is not compiled again, and the index of `previous` is changed where
 * the Routes differ: one changed Route among thousands costs little. An expression that does not compile here stays as one
 * that always fails, so its rule refuses and nothing falls through to another Agent. Waits only when a new expression
 * appears.
 */
export async function compileRoutes(
  content: SnapshotContent,
  previous?: RouteTable,
  routeParts: readonly RoutePart[] = [content.routes],
): Promise<RouteTable> {
  const parts = new Map<RoutePart, readonly CompiledRoute[]>();
  for (const part of routeParts) parts.set(part, previous?.parts.get(part) ?? (await compilePart(part)));
  const defaultAgent = content.agents.find((agent) => agent.default)?.name;
  return {
    agents: new Map(content.agents.map((agent) => [agent.name, agent])),
    ...(defaultAgent === undefined ? {} : { defaultAgent }),
    parts,
    index: indexOf(parts, previous),
  };
}

async function compilePart(part: RoutePart): Promise<readonly CompiledRoute[]> {
  const routes: CompiledRoute[] = [];
  for (const entry of part) {
    const route = compiledRoutes.get(entry) ?? (await compileRoute(entry));
    compiledRoutes.set(entry, route);
    routes.push(route);
  }
  return routes;
}

/** Entries are never mutated, and what is compiled of one depends on nothing else. */
const compiledRoutes = new WeakMap<RouteEntry, CompiledRoute>();

function indexOf(parts: RouteTable['parts'], previous: RouteTable | undefined): MatchIndex<CompiledMatch> {
  if (previous === undefined) return createMatchIndex(matchesOf(routesOutside(parts, undefined)));
  const before = new Set(routesOutside(previous.parts, parts));
  const after = new Set(routesOutside(parts, previous.parts));
  return previous.index.changed(
    matchesOf([...before].filter((route) => !after.has(route))),
    matchesOf([...after].filter((route) => !before.has(route))),
  );
}

/** The Routes of the parts that are not among `others`. */
function routesOutside(parts: RouteTable['parts'], others: RouteTable['parts'] | undefined): readonly CompiledRoute[] {
  return [...parts].flatMap(([part, routes]) => (others?.has(part) ? [] : routes));
}

function matchesOf(routes: readonly CompiledRoute[]): readonly CompiledMatch[] {
  return routes.flatMap(({ rules }) => rules.flatMap(({ matches }) => matches));
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
  const [ref] = entry.agentRefs;
  const rule = {
    entry,
    origin: originOf(route, entry),
    matches: [] as readonly CompiledMatch[],
    ...(ref === undefined || splits(entry.agentRefs) ? {} : { onlyAgent: ref.name }),
  };
  const held = [...entry.matches.entries()].filter(([, match]) => canHold(match));
  // An array that is mapped takes what it needs, one that is pushed to far more, and matches are tens of thousands.
  rule.matches = held.map(([at, match]) => {
    const expression = match.expression === undefined ? undefined : expressions.get(match.expression);
    return compileMatch(match, { route, rule, rulePosition: position, position: at, expression });
  });
  return rule;
}

type Place = Pick<CompiledMatch, 'route' | 'rule' | 'rulePosition' | 'position' | 'expression'>;

/** Written out, so that what a request compares lies in one object. */
function compileMatch(match: MatchEntry, { route, rule, rulePosition, position, expression }: Place): CompiledMatch {
  return {
    threadId: match.threadId ?? '',
    chatId: match.chatId ?? '',
    userId: match.userId ?? '',
    userIdAlt: match.userIdAlt ?? '',
    parentChatId: match.parentChatId ?? '',
    guildId: match.guildId ?? '',
    account: match.account ?? '',
    apiKey: match.apiKey ?? '',
    model: match.model ?? '',
    platform: match.platform ?? '',
    chatType: match.chatType ?? '',
    headers: headersOf(match),
    expression,
    route,
    rule,
    rulePosition,
    position,
    specificity: specificity(match),
    conditions: conditionsOf(match).slice(),
  };
}

function originOf(route: CompiledRoute, { name, sessionScope, agentRefs }: RuleEntry): RuleOrigin {
  return {
    route: route.name,
    rule: name,
    ...(sessionScope === undefined ? {} : { sessionScope }),
    ...(splits(agentRefs) ? { sticks: true } : {}),
  };
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
