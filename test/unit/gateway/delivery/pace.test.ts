import { expect, it } from 'vitest';
import { createPace } from '../../../../gateway/delivery/pace.ts';

function pace() {
  let now = 1_000;
  return {
    ...createPace({ monotonic: () => now }),
    pass: (ms: number) => {
      now += ms;
    },
  };
}

const none = { accountMs: 0, chatMs: 0 };
const message = (account: string, line = `chat:${account}:C1`) => ({ account, origin: '', line });
const direct = (origin: string, line = '') => ({ account: '', origin, line });

it('an account sends one message until its platform took one, then a few at a time, and one again when none is taken', () => {
  const { began, room, pass } = pace();
  const free = () => room().ofAccount.get('clerk/bot');
  const begin = (chat: number) => began(message('clerk/bot', `chat ${chat}`), none);
  const first = begin(0);
  expect(free()).toBe(0);
  first(true);
  expect(free()).toBe(4);
  const ends = [1, 2, 3, 4].map(begin);
  expect(free()).toBe(0);
  ends[0]?.(true);
  expect(free()).toBe(1);
  ends[1]?.(false);
  expect(free()).toBe(0);
  for (const end of ends.slice(2)) end(false);
  expect(free()).toBeUndefined();
  begin(5)(true);
  pass(10_000);
  expect(free()).toBeUndefined();
});

it('an account with a pace sends one at a time, each after the least time', () => {
  const { began, room, waitMs, pass } = pace();
  const end = began(message('clerk/bot'), { accountMs: 50, chatMs: 0 });
  expect(room().ofAccount.get('clerk/bot')).toBe(0);
  expect(waitMs()).toBe(50);
  pass(50);
  expect(room().ofAccount.get('clerk/bot')).toBe(0);
  end(true);
  expect(room().ofAccount.get('clerk/bot')).toBe(1);
  expect(waitMs()).toBe(Number.POSITIVE_INFINITY);
});

it('an account with a pace keeps it when what a dead sender left is judged before, between and after its messages', () => {
  const { began, room, pass } = pace();
  const paced = { accountMs: 50, chatMs: 0 };
  const judge = () => began(message('clerk/bot', 'left'), none)(false);
  const left = began(message('clerk/bot', 'left'), none);
  began(message('clerk/bot', 'first'), paced)(true);
  left(false);
  judge();
  expect(room().ofAccount.get('clerk/bot')).toBe(0);
  pass(50);
  expect(room().ofAccount.has('clerk/bot')).toBe(false);
});

it('a chat waits from the end of its message on', () => {
  const { began, room, waitMs, pass } = pace();
  const end = began(message('clerk/bot'), { accountMs: 0, chatMs: 1_000 });
  pass(5_000);
  expect(room().busyLines).toEqual([]);
  end(true);
  expect(room().busyLines).toEqual(['chat:clerk/bot:C1']);
  expect(waitMs()).toBe(1_000);
  pass(1_000);
  expect(room().busyLines).toEqual([]);
});

it('webhooks and accounts have places of their own', () => {
  const { began, room } = pace();
  for (let at = 0; at < 256; at += 1) began(direct(`https://${at}.example`), none);
  expect(room()).toMatchObject({ direct: 0, throughAccounts: 128 });
});

it('a receiver has its share of the places of webhooks, and the log takes none of them', () => {
  const { began, room } = pace();
  const ends = Array.from({ length: room().ofNewOrigin }, () => began(direct('https://slow.example'), none));
  expect(room().ofOrigin.get('https://slow.example')).toBe(0);
  expect(room().direct).toBe(256 - ends.length);
  began(direct('log'), none);
  expect(room().direct).toBe(256 - ends.length);
  for (const end of ends) end(true);
  expect(room().ofOrigin.has('https://slow.example')).toBe(false);
  expect(room().direct).toBe(256);
});
