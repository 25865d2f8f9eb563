import { describe, expect, test } from 'vitest';
import { type Envelope, envelope } from '../../../../core/route/envelope.ts';
import { compileExpression, isExpressionOnly, maxExpressionOnlyRules } from '../../../../core/route/expression.ts';
import { maxExpressionLength, maxExpressionNodes } from '../../../../core/route/expression-check.ts';
import { ExpressionError } from '../../../../core/route/expression-error.ts';
import { variables } from '../../../../core/route/expression-input.ts';
import { rule } from './fixtures.ts';

async function evaluate(text: string, message: Partial<Envelope> = {}): Promise<unknown> {
  return (await compileExpression(text)).evaluate(envelope(message));
}

/** The message of the refusal. */
async function refusal(text: string): Promise<string> {
  const outcome = await compileExpression(text).catch((error: unknown) => error);
  if (!(outcome instanceof ExpressionError)) throw new Error(`\`${text}\` was not refused: ${String(outcome)}`);
  expect(outcome.reason).toBe('InvalidExpression');
  return outcome.message;
}

describe('an expression', () => {
  test.each<readonly [string, Partial<Envelope>, boolean]>([
    ['platform == "api" && chatId.startsWith("C")', { chatId: 'C1' }, true],
    ['platform == "api" && chatId.startsWith("C")', { chatId: 'D1' }, false],
    ['threadId == "" && account == ""', {}, true],
    ['chatType in ["group", "channel"]', { chatType: 'channel' }, true],
    ['userId.matches("^U[0-9]+$")', { userId: 'U42' }, true],
    ['text.contains("help") || text.size() > 3', { text: 'yes!' }, true],
    ['headers["x-team"] == "red"', { headers: { 'x-team': 'red' } }, true],
    ['"x-team" in headers && headers["x-team"] == "red"', {}, false],
    ['has(claims.team) ? claims.team == "red" : true', {}, true],
    ['claims.groups.exists(g, g.startsWith("team-"))', { claims: { groups: ['all', 'team-a'] } }, true],
    ['claims.groups.filter(g, g != "all").size() == 1', { claims: { groups: ['all', 'team-a'] } }, true],
    ['claims.realm.roles[0] == "admin"', { claims: { realm: { roles: ['admin'] } } }, true],
    ['claims.team == null', { claims: { team: null } }, true],
    ['type(claims.level) == int', { claims: { level: 3 } }, true],
    ['.model == "gpt-5"', { model: 'gpt-5' }, true],
  ])('%s of %j is %s', async (text, message, expected) => {
    expect(await evaluate(text, message)).toBe(expected);
  });

  test('counts with the integers of claims, and keeps fractions', async () => {
    expect(await evaluate('claims.level + 1 == 3', { claims: { level: 2 } })).toBe(true);
    expect(await evaluate('claims.ratio * 2.0 == 3.0', { claims: { ratio: 1.5 } })).toBe(true);
    expect(await evaluate('claims.exp > 1700000000', { claims: { exp: 1_800_000_000 } })).toBe(true);
  });

  test('sees every string field of the message, absent ones as an empty string, and claims as an empty map', async () => {
    const strings = variables.filter((name) => name !== 'headers' && name !== 'claims');
    const absent = strings.filter((name) => name !== 'platform' && name !== 'chatType');
    expect(await evaluate(`[${absent.join(', ')}].all(value, value == "")`)).toBe(true);
    expect(await evaluate(`[${strings.join(', ')}].all(value, type(value) == string)`)).toBe(true);
    expect(await evaluate('claims == {} && headers == {}')).toBe(true);
  });

  test('sees 4 KiB of the text, cut between characters', async () => {
    expect(await evaluate('text.size() == 4096', { text: 'a'.repeat(5000) })).toBe(true);
    expect(await evaluate('text.size() == 4096', { text: 'a'.repeat(4096) })).toBe(true);
    expect(await evaluate('text.size() == 1024 && !text.contains("\\ufffd")', { text: '\u{1f600}'.repeat(2000) })).toBe(
      true,
    );
    expect(await evaluate('text.size() == 1365', { text: '\u20ac'.repeat(1366) })).toBe(true);
  });

  test('is not led astray by names that objects have in JavaScript', async () => {
    expect(await evaluate('"constructor" in headers || has(claims.constructor) || "toString" in claims')).toBe(false);
    expect(await refusal('constructor == ""')).toContain('unknown variable constructor');
  });
});

describe('an expression fails, and so does not count as "no match",', () => {
  test.each([
    ['a claim that is missing', 'claims.team == "red"', {}],
    ['a header that is missing', 'headers["x-team"] == "red"', {}],
    ['a claim of another type', 'claims.level > 1', { claims: { level: 'high' } }],
    ['a claim that is no list', 'claims.groups.exists(g, g == "a")', { claims: { groups: 'a' } }],
    ['a result that is no bool', 'has(claims.flag) ? claims.flag : false', { claims: { flag: 'yes' } }],
    ['an index outside the list', 'claims.groups[3] == "a"', { claims: { groups: [] } }],
    ['a division by zero', '1 / claims.n == 1', { claims: { n: 0 } }],
    ['a pattern from a claim that is none', 'text.matches(claims.pattern)', { claims: { pattern: '(' } }],
  ])('on %s', async (_, text, message) => {
    expect(await evaluate(text, message)).toEqual({ error: expect.stringMatching(/.+/) });
  });

  test('on a cost beyond the limit, with the same result every time', async () => {
    const groups = Array.from({ length: 3000 }, (_, at) => `group-${at}`);
    const expensive = await compileExpression('claims.groups.all(g, !text.matches(g + "(a|b|ab)*[xy]{40}"))');
    const message = envelope({ text: 'ab'.repeat(3000), claims: { groups } });
    const tooCostly = { error: 'it costs too much to evaluate for this message' };
    expect(expensive.evaluate(message)).toEqual(tooCostly);
    expect(expensive.evaluate(message)).toEqual(tooCostly);
    expect(expensive.evaluate(envelope({ text: 'hello', claims: { groups: ['a'] } }))).toBe(true);
  });

  test('also for a pattern from a claim, before it is looked at', async () => {
    const claims = { pattern: '['.repeat(200_000) };
    expect(await evaluate('text.matches(claims.pattern)', { claims })).toHaveProperty('error');
  });

  test('on claims nested too deep, where it asks for them', async () => {
    let nested: unknown = 'x';
    for (let depth = 0; depth < 20_000; depth++) nested = [nested];
    const claims = { nested };
    expect(await evaluate('has(claims.nested)', { claims })).toEqual({ error: expect.stringContaining('32 deep') });
    expect(await evaluate('platform == "api"', { claims })).toBe(true);
  });

  test('also when "or" would swallow that the cost is passed', async () => {
    const groups = Array.from({ length: 10_000 }, () => 'x'.repeat(100));
    const text = 'claims.groups.exists(g, claims.groups == [g]) || true';
    expect(await evaluate(text, { claims: { groups } })).toHaveProperty('error');
  });

  test('and the error quotes at most a little of the message', async () => {
    const result = await evaluate('int(claims.n) == 1', { claims: { n: 'secret'.repeat(1000) } });
    expect(result).toHaveProperty('error');
    expect(JSON.stringify(result).length).toBeLessThan(300);
  });
});

describe('a pattern', () => {
  test('takes time linear in the text, however it is written', async () => {
    const expression = await compileExpression('text.matches("^(a+)+$")');
    expect(expression.evaluate(envelope({ text: `${'a'.repeat(4000)}!` }))).toBe(false);
  });

  test('that is none is refused with its place', async () => {
    expect(await refusal('platform == "api" && text.matches("(")')).toMatch(/^Line 1, column \d+: .*missing closing/);
  });

  test('that may cost too much for a text is refused, one for a short field is not', async () => {
    expect(await refusal('text.matches("(a|b|ab)*a(a|b|ab){300}[xy]")')).toMatch(/may cost too much.*shorter/);
    expect(await evaluate('chatId.matches("[0-9a-f]{8}-[0-9a-f]{4}")', { chatId: '01234567-89ab' })).toBe(true);
    expect(await evaluate('text.matches("(?i)(urgent|asap|incident|outage)")', { text: 'URGENT' })).toBe(true);
  });
});

describe('what is refused when it is compiled', () => {
  test.each([
    ['platform = "api"', /^Line 1, column 10: found = but expecting/],
    ['platform == "api" &&\n  & true', /^Line 1, column 19: /],
    ['', /^Line 1, column 1: found end of input/],
    ['chatid == "C1"', /^Line 1, column 1: unknown variable chatid\. Did you mean chatId\?$/],
    ['true &&\n  sender == "x"', /^Line 2, column 3: unknown variable sender\. Known are: platform, account/],
    ['text.startWith("a")', /unknown function startWith\. Did you mean startsWith\?$/],
    ['text.lowerAscii() == ""', /unknown function lowerAscii\. Known are: /],
    ['text.startsWith("a", "b")', /startsWith is no method with 2 arguments/],
    ['startsWith(text, "a")', /startsWith is no function with 2 arguments/],
    ['has(chatId)', /write has\(claims\.team\)/],
    ['text.constructor() == ""', /unknown function constructor/],
    ['claims.groups.exists("x")', /write list\.exists\(x, condition\)/],
    ['headers["X-Team"] == "red"', /header names are lower case here: write "x-team"/],
    ['"X-Team" in headers', /lower case/],
    ['headers.Team == "red"', /lower case/],
    ['google.protobuf.Int64Value{value: 1} == 1', /no google\.protobuf\.Int64Value can be built/],
    ['chatId', /does not give true or false/],
    ['chatId == "" ? "yes" : "no"', /does not give true or false/],
    ['1 + 1', /does not give true or false/],
    ['text.startsWith(5)', /no matching overload.*quote/],
    ['chatId > 5', /no matching overload.*quote/],
  ])('%j', async (text, message) => {
    expect(await refusal(text)).toMatch(message);
  });

  test('a comprehension inside another one, or behind one', async () => {
    const nested = 'claims.a.exists(x, claims.b.exists(y, x == y))';
    expect(await refusal(nested)).toMatch(/^Line 1, column \d+: a comprehension is inside another one/);
    expect(await refusal('claims.a.map(x, x + "!").exists(y, y == "a!")')).toMatch(/inside another one, or follows/);
    expect(
      await evaluate('claims.a.exists(x, x == 1) && claims.b.exists(y, y == 2)', { claims: { a: [1], b: [2] } }),
    ).toBe(true);
  });

  test('more nodes or characters than allowed', async () => {
    const sum = (terms: number) => `${Array(terms).fill('1').join('+')} == 0`;
    expect(await evaluate(sum(maxExpressionNodes / 2 - 1))).toBe(false);
    expect(await refusal(sum(maxExpressionNodes / 2))).toMatch(/more than 200 nodes/);
    expect(await refusal(`text == "${'x'.repeat(maxExpressionLength)}"`)).toMatch(/has 1034 characters; at most 1024/);
  });

  test('brackets more than 32 deep, wherever the parser is called from', async () => {
    const nested = (depth: number) => `${'('.repeat(depth)}true${')'.repeat(depth)}`;
    expect(await evaluate(nested(32))).toBe(true);
    expect(await refusal(nested(33))).toMatch(/more than 32 deep/);
    expect(await refusal('['.repeat(500) + ']'.repeat(500))).toMatch(/more than 32 deep/);
    expect(await evaluate(`text == "${'('.repeat(100)}" || '${'{'.repeat(100)}' != ""`)).toBe(true);
    expect(await refusal(`${'true ? false : '.repeat(67)}true`)).toMatch(/more than 200 nodes/);
  });
});

test('a rule counts as expression-only when one of its matches has nothing else', () => {
  expect(isExpressionOnly(rule('r', { expression: 'true' }, 'a'))).toBe(true);
  expect(isExpressionOnly(rule('r', [{ chatId: 'C1' }, { expression: 'true', headers: [] }], 'a'))).toBe(true);
  expect(isExpressionOnly(rule('r', { expression: 'true', platform: 'api' }, 'a'))).toBe(false);
  expect(isExpressionOnly(rule('r', { expression: 'true', headers: [{ name: 'x', value: 'y' }] }, 'a'))).toBe(false);
  expect(isExpressionOnly(rule('r', { chatId: 'C1' }, 'a'))).toBe(false);
  expect(maxExpressionOnlyRules).toBe(100);
});
