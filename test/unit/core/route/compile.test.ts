import { describe, expect, test } from 'vitest';
import { compileRoutes } from '../../../../core/route/compile.ts';
import { envelope } from '../../../../core/route/envelope.ts';
import { selectRule } from '../../../../core/route/select.ts';
import { agent, content, route, rule, table } from './fixtures.ts';

const message = envelope({
  platform: 'slack',
  chatId: 'C1',
  threadId: 'T1',
  userId: 'u1',
  headers: { 'x-team': 'red' },
});

describe('compiling a snapshot', () => {
  test('takes over every Route that is the same object, and its compiled expression', async () => {
    const kept = route('kept', [rule('r', { chatId: 'C1', expression: 'text == ""' }, 'a')]);
    const before = route('changed', [rule('r', { chatId: 'C2' }, 'a')]);
    const first = await compileRoutes(content(['a'], [before, kept]));
    const after = { ...before, priority: 5 };
    const second = await compileRoutes(content(['a'], [after, kept]), first);
    const [[, keptBefore], [changed, keptAfter]] = [
      [...first.parts.values()].flat(),
      [...second.parts.values()].flat(),
    ];
    expect(keptAfter).toBe(keptBefore);
    expect([changed, keptAfter].map((found) => [found?.name, found?.priority])).toEqual([
      ['changed', 5],
      ['kept', 0],
    ]);
  });

  test('takes over a part that is the same list, without looking at its Routes', async () => {
    const one = [route('one', [rule('r', { chatId: 'C1' }, 'a')])];
    const two = [route('two', [rule('r', { chatId: 'C2' }, 'a')])];
    const changed = [route('two', [rule('r', { chatId: 'C1', threadId: 'T1' }, 'a')])];
    const all = content(['a'], [...one, ...two]);
    const first = await compileRoutes(all, undefined, [one, two]);
    const second = await compileRoutes(all, first, [one, changed]);
    expect(second.parts.get(one)).toBe(first.parts.get(one));
    expect(selectRule(first, message)?.match.route.name).toBe('one');
    expect(selectRule(second, message)?.match.route.name).toBe('two');
  });

  test('leaves the table before it as it was: a request keeps it to its end', async () => {
    const one = route('one', [rule('r', { chatId: 'C1' }, 'a')]);
    const first = await compileRoutes(content(['a'], [one]));
    const second = await compileRoutes(content([agent('b', { default: true })]), first);
    expect(selectRule(first, message)?.match.route.name).toBe('one');
    expect([...first.agents.keys()]).toEqual(['a']);
    expect(selectRule(second, message)).toBeUndefined();
    expect(second.defaultAgent).toBe('b');
    expect(first.defaultAgent).toBeUndefined();
  });

  test('an empty namespace gives a table that answers', async () => {
    expect(selectRule(await table([]), message)).toBeUndefined();
  });
});

describe('a match', () => {
  test('on a blank value, or on two values of one header, never holds', async () => {
    const headers = [
      { name: 'x-team', value: 'red' },
      { name: 'X-Team', value: 'blue' },
    ];
    const routes = await table(['a'], [route('r', [rule('b', { account: '' }, 'a'), rule('h', { headers }, 'a')])]);
    expect(selectRule(routes, message)).toBeUndefined();
  });

  test('that names nothing never holds: it would catch everything', async () => {
    const routes = await table(['a'], [route('r', [rule('none', {}, 'a'), rule('no-headers', { headers: [] }, 'a')])]);
    expect(selectRule(routes, message)).toBeUndefined();
  });

  test('on an empty list of headers is as specific as without it', async () => {
    const plain = route('b', [rule('r', { platform: 'slack' }, 'a')]);
    const empty = route('a', [rule('r', { platform: 'slack', headers: [] }, 'a')], {
      createdAt: '2026-02-01T00:00:00Z',
    });
    expect(selectRule(await table(['a'], [plain, empty]), message)?.match.route.name).toBe('b');
  });

  test('is found beside thousands that share a part of it, and only when all of it holds', async () => {
    const grid = Array.from({ length: 60 }, (_, chat) =>
      Array.from({ length: 60 }, (_, user) =>
        route(`r-${chat}-${user}`, [rule('r', { platform: 'slack', chatId: `C${chat}`, userId: `u${user}` }, 'a')]),
      ),
    ).flat();
    const routes = await table(['a'], grid);
    expect(selectRule(routes, message)?.match.route.name).toBe('r-1-1');
    expect(selectRule(routes, { ...message, platform: 'api' })).toBeUndefined();
    expect(selectRule(routes, { ...message, userId: 'u60' })).toBeUndefined();
    expect(selectRule(routes, { ...message, userId: '' })).toBeUndefined();
  });
});

describe('precedence between Routes', () => {
  const rules = (fields: object) => [rule('r', fields, 'a')];

  test.each([
    ['priority goes before all else', { platform: 'slack' }, { priority: 1 }, { threadId: 'T1', chatId: 'C1' }, {}],
    ['a thread goes before a chat with its user', { threadId: 'T1' }, {}, { chatId: 'C1', userId: 'u1' }, {}],
    ['a chat goes before a user with everything small', { chatId: 'C1' }, {}, { userId: 'u1', platform: 'slack' }, {}],
    ['fields add up', { chatId: 'C1', platform: 'slack' }, {}, { chatId: 'C1' }, { createdAt: '2020-01-01T00:00:00Z' }],
    [
      'headers and an expression count one each',
      { headers: [{ name: 'x-team', value: 'red' }], expression: 'true' },
      {},
      { platform: 'slack' },
      {},
    ],
    ['then the older one', { userId: 'u1' }, { createdAt: '2025-12-31T23:59:59Z' }, { userId: 'u1' }, {}],
    [
      'older is an instant, not a text',
      { userId: 'u1' },
      { createdAt: '2026-01-01T01:00:00+02:00' },
      { userId: 'u1' },
      {},
    ],
    ['then the lower name', { userId: 'u1' }, {}, { userId: 'u1' }, {}],
  ])('%s', async (_, first, firstFields, second, secondFields) => {
    const winner = route('m', rules(first), firstFields);
    const loser = route('n', rules(second), secondFields);
    for (const order of [
      [winner, loser],
      [loser, winner],
    ]) {
      expect(selectRule(await table(['a'], order), message)?.match.route.name).toBe('m');
    }
  });

  test('without creation times all are equally old', async () => {
    const fields = { createdAt: '' };
    const routes = await table(
      ['a'],
      [route('b', rules({ chatId: 'C1' }), fields), route('a', rules({ chatId: 'C1' }), fields)],
    );
    expect(selectRule(routes, message)?.match.route.name).toBe('a');
  });

  test('a Route competes with its first matching rule, though a later one is more specific', async () => {
    const general = route('general', [
      rule('first', { platform: 'slack' }, 'a'),
      rule('second', { threadId: 'T1' }, 'a'),
    ]);
    const chat = route('chat', [rule('r', { chatId: 'C1' }, 'b')]);
    expect(selectRule(await table(['a', 'b'], [general]), message)?.match.rule.entry.name).toBe('first');
    expect(selectRule(await table(['a', 'b'], [general, chat]), message)?.match.route.name).toBe('chat');
  });

  test('and with the most specific match of that rule', async () => {
    const two = route('two', [rule('r', [{ platform: 'slack' }, { threadId: 'T1' }], 'a')]);
    const chat = route('chat', [rule('r', { chatId: 'C1' }, 'b')]);
    expect(selectRule(await table(['a', 'b'], [two, chat]), message)?.match.route.name).toBe('two');
    expect(selectRule(await table(['a', 'b'], [two, chat]), { ...message, threadId: 'T2' })?.match.route.name).toBe(
      'chat',
    );
  });

  test('expressions are evaluated only as far as the decision needs', async () => {
    const failing = route('low', [rule('r', { expression: 'claims.missing == 1' }, 'a')], { priority: -1 });
    const high = route('high', [rule('r', { chatId: 'C1' }, 'b')]);
    expect(selectRule(await table(['a', 'b'], [failing, high]), message)).toMatchObject({
      match: { route: { name: 'high' } },
    });
    expect(selectRule(await table(['a'], [failing]), message)).toHaveProperty('failure');
  });
});
