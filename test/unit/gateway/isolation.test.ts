import { expect, it } from 'vitest';
import { createFindings } from '../../isolation/findings.ts';
import { runInProcess } from '../../isolation/in-process.ts';

it('20,000 random requests and runs of 50 agents that change meanwhile: each ends as predicted, none in another’s name', {
  timeout: 90_000,
}, async () => {
  const report = await runInProcess({ seed: 4, count: 20_000 });
  expect(report).toMatchObject({ unpredicted: 0, crossings: 0, examples: [] });
  expect(report.answered / report.total).toBeGreaterThanOrEqual(0.5);
  expect(report.total).toBeGreaterThanOrEqual(20_000);
  expect(report.changes).toBeGreaterThanOrEqual(100);
  expect(report.runs).toBeGreaterThan(1_000);
  expect(Object.keys(report.refused).sort()).toEqual([...refusals].sort());
});

it('an answer with the tag, the key or the question of another, or bound to another, counts as a crossing', () => {
  const own = { tag: 't', key: 'k', asked: 'q', bound: 'a' };
  const answers = [own, { ...own, tag: 'u' }, { ...own, key: 'l' }, { ...own, asked: 'r' }, { ...own, bound: 'b' }];
  const agent = { name: 'a', incarnation: 1, uid: 'u', tag: 't', modelKey: 'k', apiKeys: [], refuse: undefined };
  const findings = createFindings();
  const prediction = { agents: [agent], codes: ['no_route'] };
  for (const answer of answers) findings.check(prediction, { kind: 'answered', agent: 'a', answer }, 'q');
  findings.check(prediction, { kind: 'answered', agent: 'b', answer: { ...own, bound: 'b' } }, 'q');
  findings.check(prediction, { kind: 'refused', code: 'no_route' }, 'q');
  findings.check(prediction, { kind: 'refused', code: 'invalid_key' }, 'q');
  expect(findings.report()).toMatchObject({ total: 8, answered: 6, crossings: 5, unpredicted: 1 });
});

/** Every way to be refused on this path comes up. */
const refusals = [
  ...['invalid_key', 'invalid_header', 'no_route', 'model_not_found', 'agent_conflict', 'agent_forbidden'],
  ...['agent_not_found', 'agent_suspended', 'agent_not_ready', 'agent_replaced', 'route_expression_error'],
  ...['session_not_found', 'run_not_found', 'response_not_found'],
];
