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

it('an account without a pace has a few messages under way, and frees each place', () => {
  const { began, room } = pace();
  const ends = [1, 2, 3, 4].map((chat) => began(message('clerk/bot', `chat ${chat}`), none));
  expect(room().ofAccount.get('clerk/bot')).toBe(0);
  ends[0]?.();
  expect(room().ofAccount.get('clerk/bot')).toBe(1);
  for (const end of ends.slice(1)) end();
  expect(room().ofAccount.has('clerk/bot')).toBe(false);
});

it('an account with a pace sends one at a time, each after the least time', () => {
  const { began, room, waitMs, pass } = pace();
  const end = began(message('clerk/bot'), { accountMs: 50, chatMs: 0 });
  expect(room().ofAccount.get('clerk/bot')).toBe(0);
  expect(waitMs()).toBe(50);
  pass(50);
  expect(room().ofAccount.get('clerk/bot')).toBe(1);
  end();
  expect(room().ofAccount.has('clerk/bot')).toBe(false);
  expect(waitMs()).toBe(Number.POSITIVE_INFINITY);
});

it('an account with a pace keeps it when what a dead sender left is judged before, between and after its messages', () => {
  const { began, room, pass } = pace();
  const paced = { accountMs: 50, chatMs: 0 };
  const judge = () => began(message('clerk/bot', 'left'), none)();
  const left = began(message('clerk/bot', 'left'), none);
  began(message('clerk/bot', 'first'), paced);
  left();
  judge();
  expect(room().ofAccount.get('clerk/bot')).toBe(0);
  pass(50);
  judge();
  expect(room().ofAccount.get('clerk/bot')).toBe(1);
});

it('a chat waits from the end of its message on', () => {
  const { began, room, waitMs, pass } = pace();
  const end = began(message('clerk/bot'), { accountMs: 0, chatMs: 1_000 });
  pass(5_000);
  expect(room().busyLines).toEqual([]);
  end();
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
  for (const end of ends) end();
  expect(room().ofOrigin.has('https://slow.example')).toBe(false);
  expect(room().direct).toBe(256);
});
