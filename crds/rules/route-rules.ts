import { secretHeaders } from '../../core/route/envelope.ts';
import { matchFields } from '../../core/snapshot/schema.ts';
import type { Route } from '../route.ts';
import { type RefusedRule, refused } from './rule.ts';
import { nameRule } from './shared-rules.ts';

type Rule = Route['spec']['rules'][number];
type Match = Rule['matches'][number];
type Header = NonNullable<Match['headers']>[number];

const everyMatchField = [...matchFields, 'headers', 'expression'] as const;

/** What the API server refuses of a Route beyond its schema. */
export const routeRules: readonly RefusedRule[] = [
  nameRule('Route'),
  refused<Match>({
    name: 'match-is-not-empty',
    kind: 'Route',
    at: ['spec.rules[].matches[]'],
    cel: everyMatchField.map((field) => `has(self.${field})`).join(' || '),
    holds: (self) => everyMatchField.some((field) => self[field] !== undefined),
    message: 'a match must have at least one field',
    cure: 'set what the message must have; what no rule matches goes to the Agent with default: true',
  }),
  refused<Header>({
    name: 'header-is-no-secret',
    kind: 'Route',
    at: ['spec.rules[].matches[].headers[]'],
    field: '.name',
    cel: `!(self.name in [${secretHeaders.map((name) => `'${name}'`).join(', ')}])`,
    holds: (self) => !secretHeaders.includes(self.name),
    message: 'a header that carries a secret cannot be matched, because Routes never see it',
    cure: 'match the gateway key with apiKey, or another header',
  }),
  refused<Rule['agentRefs']>({
    name: 'some-weight',
    kind: 'Route',
    at: ['spec.rules[].agentRefs'],
    cel: 'self.exists(ref, !has(ref.weight) || ref.weight > 0)',
    holds: (self) => self.some((ref) => ref.weight > 0),
    message: 'at least one weight must be above 0',
    cure: 'give a weight to the agent that takes new conversations',
  }),
];
