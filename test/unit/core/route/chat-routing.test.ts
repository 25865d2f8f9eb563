import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createChatRouting } from '../../../../core/route/chat-routing.ts';
import { possibleChatTypes } from '../../../../core/route/chat-type.ts';
import type { RouteTable } from '../../../../core/route/compile.ts';
import type { Envelope } from '../../../../core/route/envelope.ts';
import { resolve } from '../../../../core/route/resolve.ts';
import type { RouteEntry } from '../../../../core/snapshot/schema.ts';
import { chatRoutes, messages, routes } from './arbitraries.ts';
import { agentWithAccount, query, route, rule, table } from './fixtures.ts';

const chat = { platform: 'telegram', account: 'owner/bot', chatId: '-1', threadId: '' };

function mayGive(agent: string, ...list: readonly RouteEntry[]): boolean {
  return createChatRouting(list).mayGive(chat, agent);
}

describe('a chat may be an agent’s', () => {
  it('when a rule gives it to the agent, also as one of several', () => {
    const both = [
      { name: 'a', weight: 1 },
      { name: 'b', weight: 0 },
    ];
    const one = route('one', [rule('r', { account: 'owner/bot', chatId: '-1' }, both)]);
    expect(mayGive('a', one)).toBe(true);
    expect(mayGive('b', one)).toBe(true);
    expect(mayGive('c', one)).toBe(false);
  });

  it('when that depends on who writes, or on anything else that is not of the chat', () => {
    const more = [{ userId: 'u' }, { guildId: 'g' }, { headers: [{ name: 'x', value: 'y' }] }, { expression: 'true' }];
    for (const extra of more) {
      expect(mayGive('a', route('one', [rule('r', { chatId: '-1', ...extra }, 'a')]))).toBe(true);
      expect(mayGive('a', route('one', [rule('r', { chatId: '-2', ...extra }, 'a')]))).toBe(false);
    }
  });

  it('not when another rule always wins', () => {
    const general = rule('general', { account: 'owner/bot' }, 'a');
    const special = route('special', [rule('r', { account: 'owner/bot', chatId: '-1' }, 'b')]);
    expect(mayGive('a', route('one', [general]))).toBe(true);
    expect(mayGive('a', route('one', [general]), special)).toBe(false);
    expect(mayGive('b', route('one', [general]), special)).toBe(true);
  });

  it('when the rule that would win may stand behind an earlier one of its Route', () => {
    const chatRule = rule('chat', { chatId: '-1' }, 'b');
    const second = route('second', [rule('r', { account: 'owner/bot' }, 'a')]);
    expect(mayGive('a', route('first', [chatRule]), second)).toBe(false);
    expect(mayGive('a', route('first', [rule('some', { expression: 'true' }, 'c'), chatRule]), second)).toBe(true);
  });
});

describe('a chat is surely an agent’s', () => {
  const surelyGives = (place: object, ...rules: readonly RouteEntry[]) =>
    createChatRouting(rules).surelyGives({ ...chat, ...place }, 'b');
  const all = rule('all', { account: 'owner/bot' }, 'b');

  it('when a rule gives it to the agent, and none could take a message of it away', () => {
    expect(surelyGives({}, route('one', [all]))).toBe(true);
    expect(surelyGives({}, route('one', [rule('r', { chatId: '-1' }, 'b')]), route('two', [all]))).toBe(true);
    expect(surelyGives({}, route('one', [rule('r', { chatId: '-2' }, 'b')]))).toBe(false);
    expect(surelyGives({})).toBe(false);
  });

  it.each([
    ['its type decides', { platform: 'discord' }, { chatType: 'group' }],
    ['a channel of its kind belongs to another', {}, { chatType: 'channel' }],
    ['a user of it belongs to another', { chatId: '42' }, { userId: '42' }],
    ['its guild may belong to another', { platform: 'discord' }, { guildId: 'g' }],
    ['what is said in it decides', {}, { expression: 'text == "x"' }],
  ])('not when %s', (_, place, match) => {
    const other = rule('other', match, 'c');
    expect(surelyGives(place, route('one', [all]), route('two', [other], { priority: 1 }))).toBe(false);
    expect(surelyGives(place, route('one', [other, all]))).toBe(false);
    expect(surelyGives(place, route('one', [all, other]))).toBe(true);
  });

  it('also when a rule for keys, models or headers of another agent stands before: no message of a chat has these', () => {
    for (const match of [{ apiKey: 'k' }, { model: 'm' }, { headers: [{ name: 'x', value: 'y' }] }]) {
      expect(surelyGives({}, route('one', [all]), route('two', [rule('r', match, 'c')], { priority: 5 }))).toBe(true);
    }
  });
});

const agents = ['a', 'b', 'c', 'gone'].map((name) => agentWithAccount(name, 'main', true));
const asked = fc.constantFrom('a', 'b', 'c');

/** Whether the winning rule gives a message to the agent, if it may choose among several. */
function isGiven(routeTable: RouteTable, message: Partial<Envelope>, agent: string): boolean {
  const outcome = resolve(routeTable, query({ ...message, model: '' }, { stickyAgent: agent }));
  return outcome.kind === 'resolved' && outcome.route !== undefined && outcome.agentName === agent;
}

/** Whether a message is given to another agent, or to none; an expression that fails gives it to nobody else. */
function isAnothers(routeTable: RouteTable, message: Partial<Envelope>, agent: string): boolean {
  const outcome = resolve(routeTable, query(message, { stickyAgent: agent }));
  if (outcome.kind === 'refused' && outcome.code === 'route_expression_error') return false;
  return !isGiven(routeTable, message, agent);
}

describe('what is said of a chat before anybody has written there', () => {
  it('holds for every message in it, where it says that the chat is not the agent’s', async () => {
    await fc.assert(
      fc.asyncProperty(
        routes,
        fc.array(messages, { minLength: 20, maxLength: 20 }),
        asked,
        async (list, sent, agent) => {
          const routing = createChatRouting(list);
          const compiled = await table(agents, list);
          for (const message of sent) {
            const types = possibleChatTypes(message);
            const given = types.some((chatType) => isGiven(compiled, { ...message, chatType }, agent));
            if (given) expect(routing.mayGive(message, agent)).toBe(true);
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it('holds for every message of a chat in it, where it says that the chat is surely the agent’s', async () => {
    await fc.assert(
      fc.asyncProperty(
        routes,
        fc.array(messages, { minLength: 20, maxLength: 20 }),
        asked,
        async (list, sent, agent) => {
          const routing = createChatRouting(list);
          const compiled = await table(agents, list);
          for (const message of sent.map((one) => ({ ...one, apiKey: '', model: '', headers: {} }))) {
            if (!routing.surelyGives(message, agent)) continue;
            for (const chatType of possibleChatTypes(message)) {
              expect(isAnothers(compiled, { ...message, chatType }, agent)).toBe(false);
            }
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it('is what gateways decide, where rules compare nothing but the chat', async () => {
    await fc.assert(
      fc.asyncProperty(
        chatRoutes,
        fc.array(messages, { minLength: 20, maxLength: 20 }),
        asked,
        async (list, sent, agent) => {
          const routing = createChatRouting(list);
          const compiled = await table(agents, list);
          for (const { platform, account, chatId, threadId } of sent) {
            const place = { platform, account, chatId, threadId };
            const given = possibleChatTypes(place).some((chatType) => isGiven(compiled, { ...place, chatType }, agent));
            expect(routing.mayGive(place, agent)).toBe(given);
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});
