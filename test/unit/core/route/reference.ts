import type { Envelope } from '../../../../core/route/envelope.ts';
import type { ResolveQuery } from '../../../../core/route/resolve.ts';
import type { MatchEntry, RouteEntry, RuleEntry, SnapshotContent } from '../../../../core/snapshot/schema.ts';

/**
 * A slow matcher written from the pages of the design alone (api.md "Route", gateway.md "Resolve"): it shares no code with
 * the one it checks, looks at every rule of every Route, and takes its expressions as JavaScript.
 */

/** The expressions that random Routes use, and what they mean; `undefined` is a failure. */
export const expressions: Readonly<Record<string, (message: Envelope) => boolean | undefined>> = {
  'chatId.startsWith("c")': ({ chatId }) => chatId.startsWith('c'),
  'platform == "api" || userId == "u1"': ({ platform, userId }) => platform === 'api' || userId === 'u1',
  'claims.level > 1': ({ claims }) => (typeof claims.level === 'number' ? claims.level > 1 : undefined),
  'has(claims.level) && claims.level + 1 == 3': ({ claims: { level } }) =>
    level === undefined || typeof level === 'number' ? level === 2 : undefined,
  'headers["x-team"] == "red"': ({ headers }) =>
    headers['x-team'] === undefined ? undefined : headers['x-team'] === 'red',
};

export interface ReferenceWinner {
  readonly route: RouteEntry;
  readonly rule: RuleEntry;
  readonly match: MatchEntry;
  readonly failed: boolean;
}

/** The rule that wins, or undefined. */
export function referenceWinner(routes: readonly RouteEntry[], message: Envelope): ReferenceWinner | undefined {
  const competing = routes.flatMap((route) => {
    const first = route.rules.find((rule) => rule.matches.some((match) => holds(match, message) !== 'no'));
    if (first === undefined) return [];
    const held = first.matches.filter((match) => holds(match, message) !== 'no');
    const highest = Math.max(...held.map(sum));
    const match = held.find((candidate) => sum(candidate) === highest);
    if (match === undefined) throw new Error('one of them is the highest');
    return [{ route, rule: first, match, failed: holds(match, message) === 'failed' }];
  });
  return competing.reduce<ReferenceWinner | undefined>(
    (best, next) => (best === undefined || beats(next, best) ? next : best),
    undefined,
  );
}

function holds(match: MatchEntry, message: Envelope): 'yes' | 'no' | 'failed' {
  const { headers = [], expression, ...fields } = match;
  for (const [name, wanted] of Object.entries(fields)) {
    const got = message[name as keyof Envelope];
    if (wanted !== undefined && (got === '' || got !== wanted)) return 'no';
  }
  for (const { name, value } of headers) {
    if ((message.headers[name.toLowerCase()] ?? '') === '' || message.headers[name.toLowerCase()] !== value)
      return 'no';
  }
  if (expression === undefined) return 'yes';
  const result = expressions[expression]?.(message);
  if (result === undefined) return 'failed';
  return result ? 'yes' : 'no';
}

function sum(match: MatchEntry): number {
  let total = 0;
  for (const field of Object.keys(match)) {
    if (field === 'threadId') total += 64;
    else if (field === 'chatId') total += 32;
    else if (field === 'userId' || field === 'userIdAlt') total += 16;
    else if (field === 'parentChatId') total += 8;
    else if (field === 'guildId') total += 4;
    else if (field === 'account') total += 2;
    else total += 1;
  }
  return total;
}

function beats(a: ReferenceWinner, b: ReferenceWinner): boolean {
  if (a.route.priority !== b.route.priority) return a.route.priority > b.route.priority;
  if (sum(a.match) !== sum(b.match)) return sum(a.match) > sum(b.match);
  if (a.route.createdAt !== b.route.createdAt) return a.route.createdAt < b.route.createdAt;
  return a.route.name < b.route.name;
}

/** An outcome as text: `agent <name> by <via>` or `refused <code>`. */
export type ReferenceOutcome = string;

/** Every outcome that the steps allow; more than one only where a weight, and so a hash, decides. */
export function referenceOutcomes(content: SnapshotContent, query: ResolveQuery): readonly ReferenceOutcome[] {
  const { envelope: message, principal, bound } = query;
  const find = (name: string) => content.agents.find((candidate) => candidate.name === name);
  const inSet = (name: string) => principal.agents === '*' || principal.agents.includes(name);
  const serves = (name: string, via: string, absent: string, foreign: string): ReferenceOutcome => {
    if (!inSet(name)) return `refused ${foreign}`;
    const found = find(name);
    if (found === undefined) return `refused ${absent}`;
    return found.refuse === undefined ? `agent ${name} by ${via}` : `refused ${found.refuse}`;
  };
  const named = (name: string) => serves(name, 'model', 'model_not_found', 'model_not_found');

  // 1. A response, a run or a session.
  if (query.boundMissing !== undefined) return [`refused ${query.boundMissing}`];
  if (bound !== undefined) return [serves(bound.agent, bound.kind, 'model_not_found', `${bound.kind}_not_found`)];
  // 2. model: talaria/<name>.
  if (message.model.startsWith('talaria/')) return [named(message.model.slice('talaria/'.length))];
  // 3 to 5.
  const winner = referenceWinner(content.routes, message);
  if (winner?.failed) return ['refused route_expression_error'];
  const isName = find(message.model) !== undefined || query.isRetired(message.model);
  if (message.model !== '' && isName && winner?.match.model === undefined) {
    const other = winner !== undefined && !winner.rule.agentRefs.some((ref) => ref.name === message.model);
    return [other && inSet(message.model) ? 'refused agent_conflict' : named(message.model)];
  }
  if (winner !== undefined) {
    return choices(winner.rule, query.stickyAgent).map((name) => {
      if (name === undefined) return 'refused agent_not_ready';
      const [owner, account] = message.account.split('/');
      const shared = find(owner ?? '')?.accounts.find((candidate) => candidate.name === account)?.shared;
      if (message.account !== '' && owner !== name && shared !== true) return 'refused account_not_shared';
      return serves(name, 'rule', 'agent_not_found', 'agent_forbidden');
    });
  }
  // 6. An own key or account, then the default.
  const own = principal.ownAgent ?? message.account.split('/')[0] ?? '';
  if (own !== '') return [serves(own, 'own-key', 'agent_not_found', 'agent_forbidden')];
  const fallback = content.agents.find((candidate) => candidate.default);
  if (fallback === undefined) return ['refused no_route'];
  return [serves(fallback.name, 'default', 'agent_not_found', 'agent_forbidden')];
}

/** The agents a rule may give a conversation to; undefined where it takes none. */
function choices({ agentRefs }: RuleEntry, stickyAgent: string | undefined): readonly (string | undefined)[] {
  const isChoice = agentRefs.length > 1 || agentRefs.some(({ weight }) => weight === 0);
  if (isChoice && agentRefs.some(({ name }) => name === stickyAgent)) return [stickyAgent];
  const open = agentRefs.filter(({ weight }) => weight > 0).map(({ name }) => name);
  return open.length === 0 ? [undefined] : open;
}
