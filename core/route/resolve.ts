import type { AgentEntry, JobEntry } from '../snapshot/schema.ts';
import type { CompiledRule, RouteTable } from './compile.ts';
import type { Envelope } from './envelope.ts';
import {
  type BoundKind,
  type Choice,
  describeChoice,
  type Refusal,
  type RefusalCode,
  refuse,
  type Via,
} from './outcome.ts';
import { mayCall, type Principal } from './principal.ts';
import { selectRule } from './select.ts';
import { chooseAgent } from './weights.ts';

/** One message to find the agent for, with what the caller looked up in the database before. */
export interface ResolveQuery {
  readonly envelope: Envelope;
  readonly principal: Principal;
  /** The session, run or response that the request names, and the agent it belongs to. */
  readonly bound?: { readonly kind: BoundKind; readonly agent: string };
  /** The request names a session, run or response that is unknown or another principal's. */
  readonly boundMissing?: `${BoundKind}_not_found`;
  /** Whether an Agent of this name existed and is gone. */
  readonly isRetired: (name: string) => boolean;
  /** Agent of the conversation's newest live session; see `RuleOrigin.sticks`. */
  readonly stickyAgent?: string;
  readonly idempotencyKey?: string;
  /** In [0, 1). Default: Math.random. */
  readonly random?: () => number;
}

declare const resolved: unique symbol;

/** The one permission to run an agent: only this file makes it, and the input of every run demands it. */
export interface Resolution extends Choice {
  readonly [resolved]: true;
  readonly kind: 'resolved';
  readonly agent: AgentEntry;
  /** Why, in one sentence, for logs and explanations. */
  readonly reason: string;
}

/**
 * Finds the one agent for a message, or refuses. The first step that hits decides, and nothing is tried after a refusal:
 *
 * 1. the agent of the session, run or response that the request names;
 * 2. `model: talaria/<name>`: that Agent;
 * 3. the winning rule, when it names `model`;
 * 4. a bare `model` that is the name of an Agent, present or retired; a conflict when a winning rule names another;
 * 5. the winning rule; an expression that fails counts as matched and refuses;
 * 6. nothing matched: the Agent whose own key or account it is, else the default Agent;
 * 7. the chosen Agent must be in the principal's set, and must serve.
 *
 * Pure but for `random`.
 */
export function resolve(table: RouteTable, query: ResolveQuery): Resolution | Refusal {
  return byBinding(table, query) ?? byPrefixedModel(table, query) ?? byRules(table, query) ?? withoutRule(table, query);
}

/** The agent a CronJob runs as, which is its agentRef and nothing else, or why it may not run. */
export function resolveJob(table: RouteTable, job: JobEntry): Resolution | Refusal {
  return serve(table, { agentName: job.agent, via: 'job' });
}

/** The agent of a run that was stored as this agent's, which is that one and no other, or why it may not go on. */
export function resolveRun(table: RouteTable, agent: string): Resolution | Refusal {
  return serve(table, { agentName: agent, via: 'run' });
}

function byBinding(table: RouteTable, query: ResolveQuery): Resolution | Refusal | undefined {
  if (query.boundMissing !== undefined) return refuse(query.boundMissing, {});
  if (query.bound === undefined) return undefined;
  return admit(table, query, { agentName: query.bound.agent, via: query.bound.kind });
}

function byPrefixedModel(table: RouteTable, query: ResolveQuery): Resolution | Refusal | undefined {
  const { model } = query.envelope;
  if (!model.startsWith(modelPrefix)) return undefined;
  return admit(table, query, { agentName: model.slice(modelPrefix.length), via: 'model' });
}

/** How `/v1/models` lists an Agent, so that it can be told from a model name. */
export const modelPrefix = 'talaria/';

/** Steps 3 to 5. A rule whose expression failed refuses also a bare model: whether they conflict cannot be known. */
function byRules(table: RouteTable, query: ResolveQuery): Resolution | Refusal | undefined {
  const winner = selectRule(table, query.envelope);
  if (winner === undefined) return byBareModel(table, query, undefined);
  const { match, failure } = winner;
  if (failure !== undefined) return refuse('route_expression_error', { ...match.rule.origin, failure });
  const byModel = match.model === '' ? byBareModel(table, query, match.rule) : undefined;
  return byModel ?? byRule(table, query, match.rule);
}

/** An agent the principal may not call is unknown to it, so that comes before the conflict. */
function byBareModel(
  table: RouteTable,
  query: ResolveQuery,
  winner: CompiledRule | undefined,
): Resolution | Refusal | undefined {
  const { model } = query.envelope;
  if (model === '' || !(table.agents.has(model) || query.isRetired(model))) return undefined;
  const isNamed = winner?.entry.agentRefs.some((ref) => ref.name === model) ?? true;
  if (winner !== undefined && !isNamed && mayCall(query.principal, model)) {
    return refuse('agent_conflict', { ...winner.origin, agentName: model });
  }
  return admit(table, query, { agentName: model, via: 'model' });
}

function byRule(table: RouteTable, query: ResolveQuery, rule: CompiledRule): Resolution | Refusal {
  const agentName = rule.onlyAgent ?? chooseAgent(rule.entry, query.envelope, query);
  if (agentName === undefined) return refuse('agent_not_ready', rule.origin);
  const choice: Choice = { ...rule.origin, agentName, via: 'rule' };
  if (!mayHandOver(table, query.envelope.account, agentName)) return refuse('account_not_shared', choice);
  return admit(table, query, choice);
}

function withoutRule(table: RouteTable, query: ResolveQuery): Resolution | Refusal {
  const own = query.principal.ownAgent ?? ownerOf(query.envelope.account);
  if (own !== undefined) return admit(table, query, { agentName: own, via: 'own-key' });
  if (table.defaultAgent === undefined) return refuse('no_route', {});
  return admit(table, query, { agentName: table.defaultAgent, via: 'default' });
}

/** Step 7: nothing is told of an agent outside the principal's set, not even that it is missing or suspended. */
function admit(table: RouteTable, query: ResolveQuery, choice: Choice): Resolution | Refusal {
  if (!mayCall(query.principal, choice.agentName)) return refuse(forbiddenCodes[choice.via], choice);
  return serve(table, choice);
}

function serve(table: RouteTable, choice: Choice): Resolution | Refusal {
  const agent = table.agents.get(choice.agentName);
  if (agent === undefined) return refuse(missingCodes[choice.via], choice);
  if (agent.refuse !== undefined) return refuse(agent.refuse, { ...choice, refuseReason: agent.refuseReason });
  const fields: Omit<Resolution, typeof resolved> = {
    ...choice,
    kind: 'resolved',
    agent,
    reason: describeChoice(choice),
  };
  return fields as Resolution;
}

/** 404 where the client named the agent, 403 where something else did. */
const forbiddenCodes: Readonly<Record<Via, RefusalCode>> = {
  session: 'session_not_found',
  run: 'run_not_found',
  response: 'response_not_found',
  model: 'model_not_found',
  rule: 'agent_forbidden',
  'own-key': 'agent_forbidden',
  default: 'agent_forbidden',
  job: 'agent_forbidden',
};

const missingCodes: Readonly<Record<Via, RefusalCode>> = {
  session: 'model_not_found',
  run: 'model_not_found',
  response: 'model_not_found',
  model: 'model_not_found',
  rule: 'agent_not_found',
  'own-key': 'agent_not_found',
  default: 'agent_not_found',
  job: 'agent_not_found',
};

/** Whether a chat of this account may be given to this agent: its owner's always, another's only when it is shared. */
function mayHandOver(table: RouteTable, account: string, agentName: string): boolean {
  const owner = ownerOf(account);
  if (owner === undefined || owner === agentName) return true;
  const name = account.slice(owner.length + 1);
  return table.agents.get(owner)?.accounts.find((candidate) => candidate.name === name)?.shared === true;
}

/** The agent part of `<agent>/<name>`. */
function ownerOf(account: string): string | undefined {
  const slash = account.indexOf('/');
  return slash < 1 ? undefined : account.slice(0, slash);
}
