import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Envelope, envelope } from '../../../../core/route/envelope.ts';
import { findShadowed } from '../../../../core/route/shadow.ts';
import { proveShadowed } from '../../../../core/route/shadow-proof.ts';
import { suspectRoutes } from '../../../../core/route/shadow-suspects.ts';
import type { MatchEntry, RouteEntry } from '../../../../core/snapshot/schema.ts';
import { manyRoutes, messages, plainRoutes, routes } from './arbitraries.ts';
import { route, rule } from './fixtures.ts';
import { referenceWinner } from './reference.ts';

const older = { createdAt: '2026-01-01T00:00:00Z' };
const younger = { createdAt: '2026-02-01T00:00:00Z' };

/** `<route>/<rule> by <route>/<rule>` for every rule that is found. */
function shadowed(...list: readonly RouteEntry[]): string[] {
  return findShadowed(list).map(({ route, rule, by }) => `${route}/${rule} by ${by.route}/${by.rule}`);
}

describe('a rule is reported as unreachable', () => {
  test('when an earlier rule of its Route is more general', () => {
    const general = rule('general', { platform: 'slack' }, 'a');
    const special = rule('special', { platform: 'slack', chatId: 'C1' }, 'b');
    expect(shadowed(route('one', [general, special]))).toEqual(['one/special by one/general']);
    expect(shadowed(route('one', [special, general]))).toEqual([]);
  });

  test('when another Route of higher priority matches a part of it', () => {
    const high = route('high', [rule('r', { platform: 'slack' }, 'a')], { priority: 5 });
    const low = route('low', [rule('r', { platform: 'slack', threadId: 'T1' }, 'b')]);
    expect(shadowed(low, high)).toEqual(['low/r by high/r']);
  });

  test('when an older Route of equal priority matches exactly the same', () => {
    const first = route('z', [rule('r', { chatId: 'C1' }, 'a')], older);
    const second = route('a', [rule('r', { chatId: 'C1' }, 'b')], younger);
    expect(shadowed(second, first)).toEqual(['a/r by z/r']);
  });

  test('by name when both are equally old', () => {
    const match = { headers: [{ name: 'X-Team', value: 'red' }] };
    const same = { headers: [{ name: 'x-team', value: 'red' }] };
    expect(shadowed(route('b', [rule('r', match, 'a')]), route('a', [rule('r', same, 'a')]))).toEqual(['b/r by a/r']);
  });

  test('when all of its matches are covered, each by another rule', () => {
    const high = { priority: 1 };
    const users = route('users', [rule('r', { userId: 'u1' }, 'a')], high);
    const chats = route('chats', [rule('r', { chatId: 'C1' }, 'a')], high);
    const both = route('both', [
      rule(
        'r',
        [
          { userId: 'u1', platform: 'slack' },
          { chatId: 'C1', threadId: 'T1' },
        ],
        'b',
      ),
    ]);
    expect(shadowed(both, users, chats)).toEqual(['both/r by users/r']);
    expect(shadowed(both, users)).toEqual([]);
  });

  test('when the rule before it has the same expression, word by word', () => {
    const expression = 'text.contains("help")';
    const [first, same] = [rule('first', { expression }, 'a'), rule('same', { expression, chatId: 'C1' }, 'b')];
    expect(shadowed(route('one', [first, same]))).toEqual(['one/same by one/first']);
  });
});

describe('a rule is not reported', () => {
  test('when the rule before it has an expression that may be false', () => {
    const maybe = rule('maybe', { chatId: 'C1', expression: 'text != ""' }, 'a');
    expect(shadowed(route('one', [maybe, rule('rest', { chatId: 'C1' }, 'b')]))).toEqual([]);
  });

  test('when the more general Route has equal priority: the more specific match wins', () => {
    const general = route('general', [rule('r', { platform: 'slack' }, 'a')], older);
    expect(shadowed(general, route('special', [rule('r', { platform: 'slack', chatId: 'C1' }, 'b')], younger))).toEqual(
      [],
    );
  });

  test('when the older Route may compete with an earlier, less specific rule', () => {
    const first = rule('first', { platform: 'slack' }, 'a');
    const equal = { chatId: 'C1', userId: 'u1' };
    const competing = route('older', [first, rule('second', equal, 'a')], older);
    expect(shadowed(competing, route('younger', [rule('r', equal, 'b')], younger))).toEqual([]);
    const apart = rule('r', { ...equal, platform: 'discord' }, 'b');
    const exact = route('older', [first, rule('second', { ...equal, platform: 'discord' }, 'a')], older);
    expect(shadowed(exact, route('younger', [apart], younger))).toEqual(['younger/r by older/second']);
  });

  test('when what covers it can never hold itself', () => {
    const never = rule(
      'never',
      {
        headers: [
          { name: 'x', value: 'a' },
          { name: 'X', value: 'b' },
        ],
      },
      'a',
    );
    const blank = rule('blank', { chatId: '' }, 'a');
    const empty = rule('empty', {}, 'a');
    const last = rule('last', { headers: [{ name: 'x', value: 'a' }] }, 'b');
    expect(shadowed(route('one', [never, blank, empty, last]))).toEqual([]);
  });
});

test('rules that all compare something else are not compared without end: what comes after them is left unsaid', () => {
  const match = (...ids: number[]) => ({ headers: [{ name: `x-${ids.join('-')}`, value: '1' }] });
  const odd = (id: number) =>
    route(
      `odd-${id}`,
      Array.from({ length: 64 }, (_, at) => {
        const matches = Array.from({ length: 16 }, (_more, number) => match(id, at, number));
        return { ...rule(`r${at}`, {}, 'a'), matches };
      }),
    );
  const general = rule('general', { platform: 'slack' }, 'a');
  const plain = route('plain', [general, rule('special', { platform: 'slack', chatId: 'C1' }, 'b')]);
  expect(shadowed(odd(1), plain)).toEqual(['plain/special by plain/general']);
  expect(shadowed(...Array.from({ length: 16 }, (_, id) => odd(id)), plain)).toEqual([]);
});

test('both the search and the proof end where their work ends', () => {
  const list = [
    route('plain', [
      rule('general', { platform: 'slack' }, 'a'),
      rule('special', { platform: 'slack', chatId: 'C1' }, 'b'),
    ]),
  ];
  expect(suspectRoutes(list, { left: 100 })).toEqual(list);
  expect(suspectRoutes(list, { left: 2 })).toEqual([]);
  expect(proveShadowed(list, { left: 100 })).toHaveLength(1);
  expect(proveShadowed(list, { left: 2 })).toEqual([]);
});

describe('on random Routes', () => {
  test('looking at suspect Routes alone finds what looking at all of them finds', () => {
    const all = fc.oneof(routes, plainRoutes);
    fc.assert(
      fc.property(all, (list) => {
        expect(findShadowed(list)).toEqual(proveShadowed(list, { left: 10_000_000 }));
      }),
      { numRuns: 600, verbose: true },
    );
  });

  test('a rule that is reported never wins, whatever the message', () => {
    fc.assert(
      fc.property(routes, fc.array(messages, { minLength: 50, maxLength: 50 }), (list, several) => {
        const never = new Set(findShadowed(list).map(({ route, rule }) => `${route}/${rule}`));
        for (const message of several) {
          const winner = referenceWinner(list, message);
          if (winner !== undefined) expect(never).not.toContain(`${winner.route.name}/${winner.rule.name}`);
        }
      }),
      { numRuns: 400, verbose: true },
    );
  });

  test('a rule of one-rule Routes without expressions is reported exactly when nothing reaches it', () => {
    fc.assert(
      fc.property(plainRoutes, (list) => {
        const found = findShadowed(list).map(({ route }) => route);
        const unreachable = list.filter((one) => !one.rules[0]?.matches.some((match) => wins(list, one, match)));
        expect(found).toEqual(unreachable.map(({ name }) => name));
      }),
      { numRuns: 400, verbose: true },
    );
  });

  test('what is found does not depend on the order of the Routes', () => {
    fc.assert(
      fc.property(manyRoutes, (list) => {
        const names = (found: ReturnType<typeof findShadowed>) => found.map((entry) => JSON.stringify(entry)).sort();
        expect(names(findShadowed([...list].reverse()))).toEqual(names(findShadowed(list)));
      }),
      { numRuns: 20, verbose: true },
    );
  });
});

/** Whether the Route wins for the message that has what this match names and nothing else. */
function wins(list: readonly RouteEntry[], { name }: RouteEntry, match: MatchEntry): boolean {
  const { headers = [], ...fields } = match;
  const named = Object.fromEntries(headers.map((header) => [header.name.toLowerCase(), header.value]));
  const message = envelope({ platform: '', ...(fields as Partial<Envelope>), headers: named });
  return referenceWinner(list, message)?.route.name === name;
}
