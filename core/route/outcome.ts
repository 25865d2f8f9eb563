import type { ErrorCode } from '../lib/errors.ts';

export type BoundKind = 'session' | 'run' | 'response';

/** What chose the agent. `own-key` is an Agent's own key or own account; `job` is a CronJob's agentRef. */
export type Via = BoundKind | 'model' | 'rule' | 'own-key' | 'default' | 'job';

/** The rule that chose. */
export interface RuleOrigin {
  readonly route: string;
  readonly rule: string;
  /** The rule's session scope; absent: the Agent's own scopes hold. */
  readonly sessionScope?: 'User' | 'Chat';
  /** The rule splits: look up the agent of the conversation's newest live session and resolve again with it. */
  readonly sticks?: true;
}

/** An agent that a step has chosen, before it is known whether it may serve. With the rule's origin if `via` is `rule`. */
export interface Choice extends Partial<RuleOrigin> {
  readonly agentName: string;
  readonly via: Via;
}

/** No agent may answer this message. With the rule's origin if a rule took part. */
export interface Refusal extends Partial<RuleOrigin> {
  readonly kind: 'refused';
  readonly code: RefusalCode;
  /** For the caller: what happened and the cure. Names no agent that the caller may not call. */
  readonly message: string;
  /** The agent that was chosen and may not serve; absent when none was chosen. Not for the caller. */
  readonly agentName?: string;
  /** For logs and explanations. */
  readonly reason: string;
}

/** What a refusal may tell of. */
export type RefusalFacts = Partial<Choice> & {
  /** Why the expression could not be evaluated. */
  readonly failure?: string;
  /** The condition reason behind an agent that refuses. */
  readonly refuseReason?: string | undefined;
};

/** The codes that resolution refuses with. */
export type RefusalCode = Extract<
  ErrorCode,
  | 'session_not_found'
  | 'run_not_found'
  | 'response_not_found'
  | 'model_not_found'
  | 'no_route'
  | 'agent_conflict'
  | 'agent_not_found'
  | 'agent_forbidden'
  | 'agent_suspended'
  | 'agent_not_ready'
  | 'account_not_shared'
  | 'route_expression_error'
>;

/** A refusal with its message, cure and reason. */
export function refuse(code: RefusalCode, facts: RefusalFacts): Refusal {
  const { via, failure, refuseReason: _, ...told } = facts;
  const chosen = via === undefined ? undoing[code] : describeChoice(facts);
  return { ...told, kind: 'refused', code, message: messages[code](facts), reason: failure ?? chosen ?? code };
}

/** What chose the agent, in one sentence. */
export function describeChoice({ agentName, via, route, rule }: Partial<Choice>): string {
  if (via === 'rule') return `rule "${rule}" of Route "${route}" gives it to Agent "${agentName}"`;
  return `${choosers[via ?? 'default']} Agent "${agentName}"`;
}

const choosers: Readonly<Record<Exclude<Via, 'rule'>, string>> = {
  session: 'the session belongs to',
  run: 'the run belongs to',
  response: 'the response belongs to',
  model: '`model` names',
  'own-key': 'no rule matches, and the key or account is that of',
  default: 'no rule matches, and the default is',
  job: 'the CronJob runs as',
};

/** The reasons of refusals that no chosen agent explains. */
const undoing: Readonly<Partial<Record<RefusalCode, string>>> = {
  session_not_found: 'the session is unknown, or of another principal',
  run_not_found: 'the run is unknown, or of another principal',
  response_not_found: 'the response is unknown, or of another principal',
  no_route: 'no rule matches, and no Agent is the default',
  agent_conflict: '`model` and the winning rule name different Agents',
  agent_not_ready: 'every agentRef of the winning rule has weight 0',
};

const messages: Readonly<Record<RefusalCode, (facts: RefusalFacts) => string>> = {
  session_not_found: () => 'No such session for this key. List its sessions with GET /v1/sessions, or start a new one.',
  run_not_found: () => 'No such run for this key. List its runs with GET /v1/runs.',
  response_not_found: () => 'No such response for this key. Send the request without it to start anew.',
  model_not_found: ({ agentName, via }) =>
    via === 'model'
      ? `The model names Agent "${agentName}", which does not exist for this key. GET /v1/models lists those that do.`
      : `The ${via} belongs to Agent "${agentName}", which no longer exists. Start a new one with an Agent that GET /v1/models lists.`,
  no_route: () =>
    'No rule of any Route matches this message, and no Agent is the default. Name an Agent in `model` as `talaria/<name>`, add a Route that matches, or set `default: true` on one Agent.',
  agent_conflict: ({ agentName, route, rule }) =>
    `The model names Agent "${agentName}", but rule "${rule}" of Route "${route}" gives this conversation to another. Send a \`model\` that is no Agent's name to follow the rule, or \`talaria/${agentName}\` to choose the Agent.`,
  agent_not_found: ({ agentName, via, route, rule }) =>
    via === 'rule'
      ? `Rule "${rule}" of Route "${route}" names Agent "${agentName}", which does not exist. Create it, or change the rule's agentRefs.`
      : `Agent "${agentName}" does not exist. Create it, or name another.`,
  agent_forbidden: ({ route, rule }) =>
    route === undefined
      ? 'This key may not call the Agent that serves what no rule matches. Use a key that may, or name an Agent in `model` as `talaria/<name>`.'
      : `Rule "${rule}" of Route "${route}" gives this conversation to an Agent that this key may not call. Use a key that may, or change the rule.`,
  agent_suspended: ({ agentName }) => `Agent "${agentName}" is suspended. Set \`suspend: false\` on it to resume.`,
  agent_not_ready: ({ agentName, route, rule, refuseReason }) =>
    agentName === undefined
      ? `Every agentRef of rule "${rule}" of Route "${route}" has weight 0, so it takes no new conversation. Give one of them a weight.`
      : `Agent "${agentName}" is not ready${refuseReason === undefined ? '' : ` (${refuseReason})`}. See its conditions: kubectl describe agents.talaria.dev ${agentName}`,
  account_not_shared: ({ route, rule }) =>
    `Rule "${rule}" of Route "${route}" gives a chat of this account to an Agent that does not own it. Set \`shared: true\` on the account, or change the rule.`,
  route_expression_error: ({ route, rule, failure }) =>
    `An expression in rule "${rule}" of Route "${route}" could not be evaluated for this message: ${failure}. Make the expression hold for every message, for instance with has().`,
};
