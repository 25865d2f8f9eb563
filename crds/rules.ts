import type { Agent } from './agent.ts';
import type { Kind } from './common.ts';
import type { CronJob } from './cron-job.ts';
import type { Route } from './route.ts';
import { type AcceptanceRule, agentAcceptance, cronJobAcceptance, routeAcceptance } from './rules/acceptance-rules.ts';
import { agentRules } from './rules/agent-rules.ts';
import { cronJobRules } from './rules/cron-job-rules.ts';
import { routeRules } from './rules/route-rules.ts';
import type { RefusedRule } from './rules/rule.ts';

/** A kind's object with its defaults applied. */
export interface ObjectOf {
  readonly Agent: Agent;
  readonly Route: Route;
  readonly CronJob: CronJob;
}

/**
 * The one table of rules beyond the schemas. What breaks a rule of `refused` never gets into the API server; what breaks
 * one of `notAccepted` is stored with the condition Accepted=False; everything else is accepted.
 */
export const rules: { readonly [K in Kind]: RulesOf<ObjectOf[K]> } = {
  Agent: { refused: agentRules, notAccepted: agentAcceptance },
  Route: { refused: routeRules, notAccepted: routeAcceptance },
  CronJob: { refused: cronJobRules, notAccepted: cronJobAcceptance },
};

interface RulesOf<T> {
  readonly refused: readonly RefusedRule[];
  readonly notAccepted: readonly AcceptanceRule<T>[];
}
