import { describe, expect, test } from 'vitest';
import { explain, maxCandidates } from '../../../../core/route/explain.ts';
import { resolve } from '../../../../core/route/resolve.ts';
import { query, route, rule, table } from './fixtures.ts';

/** `<route>/<rule>: <verdict>, <why>` for every candidate. */
function lines(explanation: ReturnType<typeof explain>): string[] {
  return explanation.candidates.map(({ route, rule, verdict, why }) => `${route}/${rule}: ${verdict}, ${why}`);
}

describe('an explanation', () => {
  test('names what won and, in order, why the others lost', async () => {
    const routes = await table(
      ['a', 'b'],
      [
        route('vip', [rule('r', { userId: 'u1' }, 'a')], { priority: 10 }),
        route('chats', [
          rule('off', { chatId: 'C1', expression: 'text == "no"' }, 'b'),
          rule('on', { chatId: 'C1' }, 'b'),
        ]),
        route('old', [rule('r', [{ platform: 'api' }, { userId: 'u1', platform: 'api' }], 'b')]),
        route('new', [rule('r', { userId: 'u1', platform: 'api' }, 'b')], { createdAt: '2026-03-01T00:00:00Z' }),
      ],
    );
    const asked = query({ chatId: 'C1', userId: 'u1' });
    const explanation = explain(routes, asked);
    expect(explanation.outcome).toEqual(resolve(routes, asked));
    expect(explanation.omitted).toBe(0);
    expect(lines(explanation)).toEqual([
      'vip/r: won, it goes before all others that match',
      'chats/off: no-match, its expression is false',
      'chats/on: lost, its priority 0 is below 10',
      'old/r: lost, its priority 0 is below 10',
      'new/r: lost, its priority 0 is below 10',
      'old/r: lost, its priority 0 is below 10',
    ]);
  });

  test('gives the point that decided: specificity, age, name, written order', async () => {
    const same = { userId: 'u1', platform: 'api' };
    const late = { createdAt: '2026-03-01T00:00:00Z' };
    const routes = await table(
      ['a'],
      [
        route('m', [rule('first', [same, { userId: 'u1' }], 'a'), rule('second', { chatId: 'C1' }, 'a')]),
        route('n', [rule('r', same, 'a')]),
        route('o', [rule('r', same, 'a')], late),
        route('p', [rule('r', { platform: 'api' }, 'a')]),
      ],
    );
    expect(lines(explain(routes, query({ chatId: 'C1', userId: 'u1' })))).toEqual([
      'm/second: lost, rule "first" is written before it in the same Route and matches',
      'm/first: won, it goes before all others that match',
      'n/r: lost, Route "m" is as old and has the lower name',
      'o/r: lost, Route "m" is older',
      'm/first: lost, another match of the same rule is more specific, or written before',
      'p/r: lost, its specificity 1 is below 17',
    ]);
  });

  test('of a refusal names the rule that refuses, and why its expression failed', async () => {
    const routes = await table(['a'], [route('r', [rule('level', { expression: 'claims.level > 1' }, 'a')])]);
    const { outcome, candidates } = explain(routes, query({}));
    expect(outcome).toMatchObject({ kind: 'refused', code: 'route_expression_error', route: 'r', rule: 'level' });
    expect(candidates).toMatchObject([{ verdict: 'won', why: expect.stringContaining('field not found: level') }]);
  });

  test('of a named Agent says that no rule was asked', async () => {
    const routes = await table(['a', 'b'], [route('r', [rule('r', { platform: 'api' }, 'b')])]);
    expect(lines(explain(routes, query({ model: 'talaria/a' })))).toEqual([
      'r/r: lost, no rule was asked: `model` names Agent "a"',
    ]);
  });

  test('without any rule is the outcome alone', async () => {
    const { outcome, candidates, omitted } = explain(await table(['a']), query({}));
    expect(outcome).toMatchObject({ code: 'no_route' });
    expect([candidates, omitted]).toEqual([[], 0]);
  });

  test('is bounded, counts what it leaves out, and always shows what won', async () => {
    const never = Array.from({ length: 80 }, (_, at) =>
      route(`never-${at}`, [rule('r', { chatId: 'C1', expression: 'text == "no"' }, 'a')], { priority: 1 }),
    );
    const routes = await table(['a'], [...never, route('winner', [rule('r', { chatId: 'C1' }, 'a')])]);
    const { candidates, omitted } = explain(routes, query({ chatId: 'C1' }));
    expect(candidates).toHaveLength(maxCandidates);
    expect(omitted).toBe(81 - maxCandidates);
    expect(candidates.at(-1)).toMatchObject({ route: 'winner', verdict: 'won' });
  });
});
