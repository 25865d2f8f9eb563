import type { AgentEntry, MatchEntry, RouteEntry, RuleEntry, SnapshotContent } from '../snapshot/schema.ts';
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
  /** Compiled Routes by the entry they came from, so that the next compile can take them over. */
  readonly routes: ReadonlyMap<RouteEntry, CompiledRoute>;
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
  const [ref] = entry.agentRefs;
  const rule: CompiledRule = {
    entry,
    origin: originOf(route, entry),
    matches,
    ...(ref === undefined || splits(entry.agentRefs) ? {} : { onlyAgent: ref.name }),
  };
  for (const [at, match] of entry.matches.entries()) {
    if (!canHold(match)) continue;
    const expression = match.expression === undefined ? undefined : expressions.get(match.expression);
    matches.push(compileMatch(match, { route, rule, rulePosition: position, position: at, expression }));
  }
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
    conditions: conditionsOf(match),
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
