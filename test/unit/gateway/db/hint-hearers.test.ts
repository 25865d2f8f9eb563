import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createLogger } from '../../../../core/lib/log.ts';
import { createHintHearers, type HintHearers } from '../../../../gateway/db/hint-hearers.ts';

const log = createLogger('test', 'silent');
let hearers: HintHearers;
const pollMs = 5_000;
beforeEach(() => {
  vi.useFakeTimers();
  hearers = createHintHearers({ pollMs: () => pollMs, log });
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

it('a listener hears its topic and id and no other, until it is ended', () => {
  const listener = vi.fn();
  const end = hearers.listen('run', 'a', listener);
  hearers.deliver('run', 'b');
  hearers.deliver('session', 'a');
  expect(listener).not.toHaveBeenCalled();
  hearers.deliver('run', 'a');
  end();
  hearers.deliver('run', 'a');
  expect(listener.mock.calls).toEqual([['a']]);
});

it('a listener to every id is told which, and may learn that it is any', () => {
  const listener = vi.fn();
  hearers.listen('queue', '', listener);
  hearers.deliver('queue', 'a');
  hearers.deliver('queue', '');
  expect(listener.mock.calls).toEqual([['a'], ['']]);
});

it('a hint of a whole topic reaches each of its listeners once, with the id that it listens to', () => {
  const [one, other, foreign] = [vi.fn(), vi.fn(), vi.fn()];
  hearers.listen('run', 'a', one);
  hearers.listen('run', 'b', other);
  hearers.listen('session', 'a', foreign);
  hearers.deliver('run', '');
  expect([one.mock.calls, other.mock.calls, foreign.mock.calls]).toEqual([[['a']], [['b']], []]);
  hearers.deliverAll();
  expect([one.mock.calls.length, other.mock.calls.length, foreign.mock.calls.length]).toEqual([2, 2, 1]);
});

it('two listeners with one function end one by one', () => {
  const listener = vi.fn();
  const end = hearers.listen('run', 'a', listener);
  hearers.listen('run', 'a', listener);
  end();
  end();
  hearers.deliver('run', 'a');
  expect(listener).toHaveBeenCalledOnce();
});

it('a listener that throws, or begins another, disturbs nobody', () => {
  const listener = vi.fn();
  hearers.listen('run', 'a', () => {
    hearers.listen('run', 'a', () => undefined);
    throw new Error('mine');
  });
  hearers.listen('run', 'a', listener);
  hearers.deliver('run', 'a');
  expect(listener).toHaveBeenCalledOnce();
});

it('a wait ends with a hint', async () => {
  using follower = hearers.follow('session', 'a');
  const woken = watch(follower.next(new AbortController().signal));
  await vi.advanceTimersByTimeAsync(pollMs - 1);
  expect(woken).not.toHaveBeenCalled();
  hearers.deliver('session', 'a');
  await vi.advanceTimersByTimeAsync(0);
  expect(woken).toHaveBeenCalledOnce();
});

it('a wait ends without a hint after the poll interval', async () => {
  using follower = hearers.follow('session', 'a');
  const woken = watch(follower.next(new AbortController().signal));
  await vi.advanceTimersByTimeAsync(pollMs);
  expect(woken).toHaveBeenCalledOnce();
});

it('a wait ends when its signal aborts, and does not begin when it has', async () => {
  using follower = hearers.follow('session', 'a');
  const controller = new AbortController();
  const woken = watch(follower.next(controller.signal));
  controller.abort();
  await vi.advanceTimersByTimeAsync(0);
  expect(woken).toHaveBeenCalledOnce();
  await follower.next(controller.signal);
});

it('a hint between two waits ends the next wait, and only that', async () => {
  using follower = hearers.follow('session', 'a');
  const { signal } = new AbortController();
  hearers.deliver('session', 'a');
  hearers.deliver('session', 'a');
  await follower.next(signal);
  const woken = watch(follower.next(signal));
  await vi.advanceTimersByTimeAsync(pollMs - 1);
  expect(woken).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1);
  expect(woken).toHaveBeenCalledOnce();
});

it('waits leave nothing behind on the signal that they share', async () => {
  const controller = new AbortController();
  const added = vi.spyOn(controller.signal, 'addEventListener');
  const removed = vi.spyOn(controller.signal, 'removeEventListener');
  for (let index = 0; index < 100; index += 1) {
    using follower = hearers.follow('session', 'a');
    const wait = follower.next(controller.signal);
    hearers.deliver('session', 'a');
    await wait;
  }
  expect(added).toHaveBeenCalledTimes(100);
  expect(removed.mock.calls.map(([, listener]) => listener)).toEqual(added.mock.calls.map(([, listener]) => listener));
});

function watch(wait: Promise<void>) {
  const woken = vi.fn();
  void wait.then(woken);
  return woken;
}
