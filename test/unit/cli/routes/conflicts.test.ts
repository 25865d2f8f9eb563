import { describe, expect, it } from 'vitest';
import { conflictsInCluster, conflictsInSnapshot } from '../../../../cli/routes/conflicts.ts';
import { matchesInOrder, viewOfServedRoute } from '../../../../cli/routes/route-view.ts';
import { configuration } from '../../../harness/entries.ts';
import { jobEntry } from '../../../servers/schedule/entries.ts';

const { content } = configuration({
  agents: [
    { name: 'clerk', default: true },
    { name: 'coder', origin: { sources: {}, default: true } },
  ],
  routes: {
    engineering: [
      { name: 'all', match: { platform: 'api' }, to: 'clerk' },
      { name: 'never', match: { platform: 'api', chatId: 'eng' }, to: 'coder' },
    ],
    support: [{ name: 'gone', match: { chatId: 'help', apiKey: 'lost' }, to: 'nobody' }],
  },
  jobs: [jobEntry('greet', { agent: 'nobody' })],
}).snapshot;

describe('conflicts', () => {
  it('of what a gateway serves are rules that never win and names that lead nowhere', () => {
    expect(conflictsInSnapshot(content).map(({ object, reason }) => `${object} ${reason}`)).toEqual([
      'Route/support AgentNotFound',
      'Route/support GatewayKeyNotFound',
      'Route/engineering RuleUnreachable',
      'CronJob/greet AgentNotFound',
      'Agent/coder AnotherDefault',
    ]);
  });

  it('of a cluster are what the conditions about routing say, and no others', () => {
    const condition = { lastTransitionTime: '2026-01-31T08:00:00Z', message: 'so it is' };
    const route = {
      metadata: { name: 'support' },
      status: {
        conditions: [
          { ...condition, type: 'ResolvedRefs', status: 'False' as const, reason: 'AgentNotFound' },
          { ...condition, type: 'Shadowed', status: 'True' as const, reason: 'RuleUnreachable' },
          { ...condition, type: 'Programmed', status: 'False' as const, reason: 'NoGateway' },
          { ...condition, type: 'Accepted', status: 'True' as const, reason: 'Accepted' },
        ],
      },
    };
    expect(conflictsInCluster({ agents: [], routes: [route], cronJobs: [] })).toEqual([
      { object: 'Route/support', reason: 'AgentNotFound', message: 'so it is' },
      { object: 'Route/support', reason: 'RuleUnreachable', message: 'so it is' },
    ]);
  });
});

describe('matches', () => {
  it('stand in the order of precedence, and a Route whose Agent is missing is not ready', () => {
    const views = content.routes.map((route) => viewOfServedRoute(route, (name) => name !== 'nobody'));
    const told = matchesInOrder(views).map(({ route, rule, ready }) => `${route.name}/${rule} ${ready}`);
    expect(told).toEqual(['engineering/never True', 'support/gone False', 'engineering/all True']);
  });
});
