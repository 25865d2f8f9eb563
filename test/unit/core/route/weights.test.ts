import { describe, expect, test } from 'vitest';
import { envelope } from '../../../../core/route/envelope.ts';
import { chooseAgent } from '../../../../core/route/weights.ts';
import type { RuleEntry } from '../../../../core/snapshot/schema.ts';
import { rule } from './fixtures.ts';

const chats = Array.from({ length: 6000 }, (_, at) =>
  envelope({ platform: 'slack', account: 'a/bot', chatId: `C${at}` }),
);

/** A rule that splits by `name: weight`. */
function split(weights: Readonly<Record<string, number>>, sessionScope?: 'User' | 'Chat'): RuleEntry {
  const refs = Object.entries(weights).map(([name, weight]) => ({ name, weight }));
  return { ...rule('r', { platform: 'slack' }, refs), ...(sessionScope === undefined ? {} : { sessionScope }) };
}

/** The share of the chats that each agent gets. */
function shares(by: RuleEntry): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const chat of chats) {
    const name = chooseAgent(by, chat, {}) ?? 'none';
    counts[name] = (counts[name] ?? 0) + 1 / chats.length;
  }
  return counts;
}

describe('several agentRefs', () => {
  test('split conversations by weight', () => {
    const found = shares(split({ a: 1, b: 3, c: 6 }));
    expect(found.a).toBeCloseTo(0.1, 1);
    expect(found.b).toBeCloseTo(0.3, 1);
    expect(found.c).toBeCloseTo(0.6, 1);
  });

  test('give one conversation always the same agent, in whatever order they are listed', () => {
    for (const chat of chats.slice(0, 200)) {
      const again = envelope({ ...chat, userId: 'someone else', text: 'and another thing', messageId: 'm2' });
      const first = chooseAgent(split({ a: 1, b: 1, c: 2 }), chat, {});
      expect(chooseAgent(split({ c: 2, b: 1, a: 1 }), again, { random: Math.random })).toBe(first);
    }
  });

  test('when one gets more weight, conversations move only to that one', () => {
    const moved = chats.filter((chat) => {
      const before = chooseAgent(split({ a: 1, b: 1, c: 1 }), chat, {});
      const after = chooseAgent(split({ a: 1, b: 1, c: 2 }), chat, {});
      if (before !== after) expect(after).toBe('c');
      return before !== after;
    });
    expect(moved.length / chats.length).toBeCloseTo(1 / 6, 1);
  });

  test('when one is taken off the list, only its conversations move', () => {
    for (const chat of chats.slice(0, 500)) {
      const before = chooseAgent(split({ a: 1, b: 1, c: 1 }), chat, {});
      if (before !== 'c') expect(chooseAgent(split({ a: 1, b: 1 }), chat, {})).toBe(before);
    }
  });

  test('keep a conversation with the agent of its live session while that is listed', () => {
    const [chat = envelope({})] = chats;
    for (const stickyAgent of ['a', 'b', 'c']) {
      expect(chooseAgent(split({ a: 1, b: 100, c: 0 }), chat, { stickyAgent })).toBe(stickyAgent);
    }
    expect(chooseAgent(split({ a: 0, b: 1 }), chat, { stickyAgent: 'gone' })).toBe('b');
  });

  test('weight 0 keeps what it has and takes nothing new', () => {
    expect(shares(split({ a: 0, b: 1, c: 1 }))).not.toHaveProperty('a');
    const [chat = envelope({})] = chats;
    expect(chooseAgent(split({ a: 0 }), chat, {})).toBeUndefined();
    expect(chooseAgent(split({ a: 0, b: 0 }), chat, {})).toBeUndefined();
    expect(chooseAgent(split({ a: 0 }), chat, { stickyAgent: 'a' })).toBe('a');
  });
});

describe('the conversation', () => {
  const agents = split({ a: 1, b: 1 });
  /** Whether some of many pairs of messages get different agents. */
  const differs = (by: RuleEntry, pair: (at: number) => readonly [object, object]) =>
    Array.from({ length: 100 }, (_, at) =>
      pair(at).map((fields) => chooseAgent(by, envelope(fields), { random: () => 0.5 })),
    ).some(([first, second]) => first !== second);

  test('is platform, account, chat and thread', () => {
    for (const field of ['platform', 'account', 'chatId', 'threadId']) {
      const chat = (at: number) => ({ platform: 'slack', account: 'a/bot', chatId: `C${at}`, threadId: 'T' });
      expect(differs(agents, (at) => [chat(at), { ...chat(at), [field]: 'other' }])).toBe(true);
    }
  });

  test('parts do not run into each other', () => {
    expect(
      differs(agents, (at) => [
        { chatId: `C${at}`, threadId: '1' },
        { chatId: `C${at}1`, threadId: '' },
      ]),
    ).toBe(true);
  });

  test('is of one user only under the scope User', () => {
    const users = (at: number) =>
      [
        { chatId: 'C1', userId: `u${at}` },
        { chatId: 'C1', userId: `v${at}` },
      ] as const;
    expect(differs(agents, users)).toBe(false);
    expect(differs(split({ a: 1, b: 1 }, 'Chat'), users)).toBe(false);
    expect(differs(split({ a: 1, b: 1 }, 'User'), users)).toBe(true);
  });

  test('without chat and thread is the user, unless the scope is Chat', () => {
    const user = { userId: 'u1' };
    const drawn = (by: RuleEntry, random: number) => chooseAgent(by, envelope(user), { random: () => random });
    const several = [0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.99];
    expect(new Set(several.map((random) => drawn(agents, random))).size).toBe(1);
    expect(new Set(several.map((random) => drawn(split({ a: 1, b: 1 }, 'Chat'), random))).size).toBe(2);
  });

  test('without any of these is the Idempotency-Key, so that a repeated request gets the same agent', () => {
    for (let at = 0; at < 50; at++) {
      const idempotencyKey = `key-${at}`;
      const first = chooseAgent(agents, envelope({}), { idempotencyKey, random: () => at / 50 });
      expect(chooseAgent(agents, envelope({ text: 'x' }), { idempotencyKey })).toBe(first);
    }
  });

  test('without even that is drawn at random, by weight', () => {
    const drawn = Array.from({ length: 4000 }, () => chooseAgent(split({ a: 1, b: 3 }), envelope({}), {}));
    expect(drawn.filter((name) => name === 'b').length / drawn.length).toBeCloseTo(0.75, 1);
  });
});
