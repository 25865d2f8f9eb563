import { expect, test } from 'vitest';
import { closest } from '../../../../core/lib/closest.ts';

const known = ['platform', 'chatId', 'chatType', 'threadId', 'userId', 'to'];

test.each([
  ['chatid', 'chatId'],
  ['chat_id', 'chatId'],
  ['threadID', 'threadId'],
  ['plattform', 'platform'],
  ['userIdd', 'userId'],
  ['ot', undefined],
  ['tos', 'to'],
  ['banana', undefined],
  ['', undefined],
])('%j most likely means %s', (name, expected) => {
  expect(closest(name, known)).toBe(expected);
});

test('of two equally near names the first is taken, and nothing is near when nothing is known', () => {
  expect(closest('cat', ['cut', 'car'])).toBe('cut');
  expect(closest('cat', [])).toBeUndefined();
});
