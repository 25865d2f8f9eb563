import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { systemClock } from '../../../../core/lib/clock.ts';
import type { Hint } from '../../../../gateway/db/hint-message.ts';
import { createHintOutbox, type HintOutbox } from '../../../../gateway/db/hint-outbox.ts';

interface Sent {
  readonly at: number;
  readonly hints: readonly Hint[];
}

let sent: Sent[];
let dropped: number;
/** What the next sends do; after these they succeed. */
let answers: Promise<void>[];
let outbox: HintOutbox;
beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
  sent = [];
  dropped = 0;
  answers = [];
  outbox = createHintOutbox({
    send: (hints) => {
      sent.push({ at: Date.now(), hints });
      return answers.shift() ?? Promise.resolve();
    },
    onDropped: (count) => {
      dropped += count;
    },
    clock: systemClock,
  });
});
afterEach(async () => {
  await outbox.stop();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

it('what is told at once goes together, each hint once', async () => {
  for (const id of ['a', 'b', 'a']) outbox.add('run', id);
  outbox.add('session', 'a');
  await vi.advanceTimersByTimeAsync(5);
  expect(sent.map(({ hints }) => hints)).toEqual([
    [
      ['run', 'a'],
      ['run', 'b'],
      ['session', 'a'],
    ],
  ]);
});

it('a lone hint goes without delay, and a steady stream as one batch in 20 ms', async () => {
  for (let index = 0; index < 100; index += 1) {
    outbox.add('events', String(index));
    await vi.advanceTimersByTimeAsync(1);
  }
  await vi.advanceTimersByTimeAsync(20);
  expect(sent[0]?.at).toBeLessThan(5);
  expect(sent.length).toBeLessThanOrEqual(7);
  for (const [index, { at }] of sent.entries()) expect(at - (sent[index - 1]?.at ?? -20)).toBeGreaterThanOrEqual(20);
  expect(sent.flatMap(({ hints }) => hints)).toHaveLength(100);
});

it('one batch is under way at a time, however long the database takes', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  answers = [promise];
  outbox.add('run', 'a');
  await vi.advanceTimersByTimeAsync(5);
  outbox.add('run', 'b');
  await vi.advanceTimersByTimeAsync(5_000);
  expect(sent).toHaveLength(1);
  resolve();
  await vi.advanceTimersByTimeAsync(5);
  expect(sent.map(({ hints }) => hints)).toEqual([[['run', 'a']], [['run', 'b']]]);
});

it('more than 10,000 ids of a topic become everything of the topic, and other topics stay', async () => {
  outbox.add('session', 'mine');
  for (let index = 0; index <= 10_000; index += 1) outbox.add('run', String(index));
  outbox.add('run', 'one more');
  await vi.advanceTimersByTimeAsync(5);
  expect(sent.map(({ hints }) => hints)).toEqual([
    [
      ['session', 'mine'],
      ['run', ''],
    ],
  ]);
});

it('exactly 10,000 ids stay as they are', async () => {
  for (let index = 0; index < 10_000; index += 1) outbox.add('run', String(index));
  outbox.add('run', '0');
  await vi.advanceTimersByTimeAsync(5);
  expect(sent[0]?.hints).toHaveLength(10_000);
});

it('a batch that fails once is sent again; one that fails twice is dropped and counted, and the next goes', async () => {
  answers = [rejected()];
  outbox.add('run', 'a');
  await vi.advanceTimersByTimeAsync(200);
  expect(sent.map(({ hints }) => hints)).toEqual([[['run', 'a']], [['run', 'a']]]);
  expect(dropped).toBe(0);
  answers = [rejected(), rejected()];
  outbox.add('run', 'b');
  outbox.add('run', 'c');
  await vi.advanceTimersByTimeAsync(200);
  expect(dropped).toBe(2);
  outbox.add('run', 'd');
  await vi.advanceTimersByTimeAsync(50);
  expect(sent.at(-1)?.hints).toEqual([['run', 'd']]);
});

it('what is left is sent when it stops, and nothing after that', async () => {
  outbox.add('run', 'a');
  await vi.advanceTimersByTimeAsync(5);
  outbox.add('run', 'b');
  await outbox.stop();
  outbox.add('run', 'c');
  await vi.advanceTimersByTimeAsync(100);
  expect(sent.map(({ hints }) => hints)).toEqual([[['run', 'a']], [['run', 'b']]]);
});

it('a database that does not answer delays the stop by 1 s at most', async () => {
  answers = [new Promise(() => undefined)];
  outbox.add('run', 'a');
  await vi.advanceTimersByTimeAsync(5);
  const stopped = vi.fn();
  void outbox.stop().then(stopped);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(stopped).toHaveBeenCalledOnce();
  outbox = createHintOutbox({ send: async () => undefined, onDropped: () => undefined, clock: systemClock });
});

function rejected(): Promise<void> {
  const answer = Promise.reject(new Error('away'));
  answer.catch(() => undefined);
  return answer;
}
