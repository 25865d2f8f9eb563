import { beforeAll, describe, expect, it } from 'vitest';
import { canonicalJson } from '../../../../core/lib/json.ts';
import type { Resources } from '../../../../operator/resources.ts';
import type { Compilation } from '../../../../operator/translate/compilation.ts';
import { compile } from '../../../../operator/translate/compile.ts';
import { emptyContent } from '../../../../operator/translate/published.ts';
import { report } from '../../../../operator/translate/report.ts';
import { resourcesOf } from '../manifests.ts';

const kinds = ['Agent', 'Route', 'Secret', 'CronJob'] as const;
type Kind = (typeof kinds)[number];
const orders = permutations(kinds);

const world = {
  Agent: {
    kind: 'Agent',
    metadata: { name: 'coder' },
    spec: { default: true, model: { provider: 'openai', name: 'gpt', apiKeySecretRef: { name: 'openai' } } },
  },
  Route: {
    kind: 'Route',
    metadata: { name: 'team' },
    spec: { rules: [{ name: 'rule', matches: [{ chatId: 'c1' }], agentRefs: [{ name: 'coder' }] }] },
  },
  Secret: {
    kind: 'Secret',
    metadata: { name: 'openai', labels: { 'talaria.dev/credentials': 'true' } },
    stringData: { key: 'sk-secret' },
  },
  CronJob: {
    kind: 'CronJob',
    metadata: { name: 'digest' },
    spec: {
      schedule: '@daily',
      agentRef: { name: 'coder' },
      prompt: { inline: 'Report.' },
      deliver: [{ name: 'hook', webhook: { url: 'https://example.com/', secretRef: { name: 'openai' } } }],
    },
  },
};

/** Values as the operator keeps them: an object that does not change is the same value in every step. */
let all: Resources;
beforeAll(async () => {
  all = await resourcesOf(Object.values(world));
});

describe('Agent, Route, Secret and CronJob', () => {
  it.each(orders)('that arrive as %s, %s, %s, %s end in the same snapshot and the same statuses', (...order) => {
    expect(said(lived(order.map((_, at) => order.slice(0, at + 1))))).toBe(said(lived([kinds])));
  });

  it.each(orders)('of which %s goes first, then %s, %s and %s, leave what was never more', (...order) => {
    for (let gone = 1; gone <= order.length; gone += 1) {
      const steps = Array.from({ length: gone + 1 }, (_, at) => order.slice(at));
      expect(said(lived(steps))).toBe(said(lived([order.slice(gone)])));
    }
  });

  it.each(orders)('that arrive as %s, %s, %s, %s give no turn to an agent that lacks its key', (...order) => {
    const steps = order.map((_, at) => order.slice(0, at + 1));
    for (const [at, present] of steps.entries()) {
      const [agent] = lived(steps.slice(0, at + 1)).content.agents;
      expect(agent !== undefined).toBe(present.includes('Agent'));
      if (agent !== undefined) expect(agent.refuse === undefined).toBe(present.includes('Secret'));
    }
  });
});

/** What is decided after a history of what was present, each step from what the one before published. */
function lived(history: readonly (readonly Kind[])[]): Compilation {
  let previous: Compilation | undefined;
  for (const present of history) {
    const content = previous?.content ?? emptyContent;
    previous = compile(only(present), { content, versionKey: 'key' }, previous);
  }
  if (previous === undefined) throw new Error('a history has at least one step');
  return previous;
}

function only(present: readonly Kind[]): Resources {
  return {
    agents: present.includes('Agent') ? all.agents : [],
    routes: present.includes('Route') ? all.routes : [],
    cronJobs: present.includes('CronJob') ? all.cronJobs : [],
    secrets: present.includes('Secret') ? all.secrets : [],
    configMaps: [],
  };
}

function said(compilation: Compilation): string {
  const { content, credentials } = compilation;
  return canonicalJson({ content, credentials, ...report(compilation) });
}

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length <= 1) return [[...items]];
  return items.flatMap((item, at) => permutations(items.toSpliced(at, 1)).map((rest) => [item, ...rest]));
}
