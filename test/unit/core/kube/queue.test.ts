import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createWorkQueue, type WorkQueue } from '../../../../core/kube/queue.ts';

let queue: WorkQueue;

beforeEach(() => {
  vi.useFakeTimers();
  queue = createWorkQueue({ maxKeys: 1_000 });
});

afterEach(() => {
  queue.stop();
  vi.useRealTimers();
});

describe('a work queue', () => {
  it('hands keys out in the order they came, each once', async () => {
    for (const key of ['a', 'b', 'a', 'c', 'b']) queue.add(key);
    expect([await queue.take(), await queue.take(), await queue.take()]).toEqual(['a', 'b', 'c']);
    expect(queue.size()).toBe(0);
  });

  it('hands a key to a worker that waits already', async () => {
    const taken = queue.take();
    queue.add('a');
    expect(await taken).toBe('a');
  });

  it('never hands out a key that is in work, and does so again after it when it was added meanwhile', async () => {
    queue.add('a');
    await queue.take();
    queue.add('a');
    queue.add('a');
    queue.add('b');
    expect(await queue.take()).toBe('b');
    queue.finish('a');
    expect(await queue.take()).toBe('a');
    queue.finish('a');
    expect(queue.size()).toBe(0);
  });

  it('doubles the pause of a key that fails, from 5 ms to 5 minutes, until it is forgotten', async () => {
    const pauses: number[] = [];
    for (let count = 0; count < 18; count += 1) pauses.push(await pauseOf('a'));
    expect(pauses.slice(0, 4)).toEqual([5, 10, 20, 40]);
    expect(pauses.slice(-2)).toEqual([300_000, 300_000]);
    queue.forget('a');
    expect(await pauseOf('a')).toBe(5);
  });

  it('keeps the earliest of several delays, and none once the key is in work', async () => {
    queue.addAfter('a', 500);
    queue.addAfter('a', 100);
    queue.addAfter('a', 900);
    await vi.advanceTimersByTimeAsync(100);
    expect(await queue.take()).toBe('a');
    queue.finish('a');
    await vi.advanceTimersByTimeAsync(10_000);
    expect(queue.size()).toBe(0);
  });

  it('does not lose a delayed key whose time comes while it is in work', async () => {
    queue.add('a');
    await queue.take();
    queue.retry('a');
    await vi.advanceTimersByTimeAsync(5);
    queue.finish('a');
    expect(queue.size()).toBe(1);
  });

  it('refuses new keys when it is full, and still takes those it knows', async () => {
    const small = createWorkQueue({ maxKeys: 2 });
    small.addAfter('a', 10);
    expect([small.add('b'), small.add('c'), small.add('b'), small.add('a')]).toEqual([true, false, true, true]);
    await vi.advanceTimersByTimeAsync(10);
    expect([await small.take(), await small.take()]).toEqual(['b', 'a']);
    small.stop();
  });

  it('ends waiting workers when it stops, and takes nothing more', async () => {
    queue.addAfter('a', 5);
    const taken = queue.take();
    queue.stop();
    await vi.advanceTimersByTimeAsync(10);
    expect(await taken).toBeUndefined();
    expect(queue.add('b')).toBe(false);
    expect(await queue.take()).toBeUndefined();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('works on the last addition of every key, and never on one key twice at a time', async () => {
    const step = fc.record({ key: fc.constantFrom('a', 'b', 'c'), action: fc.constantFrom('add', 'finish', 'take') });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const tried = createWorkQueue({ maxKeys: 10 });
        const inWork = new Set<string>();
        const pending = new Set<string>();
        const take = async () => {
          const key = (await tried.take()) ?? '';
          expect(inWork.has(key)).toBe(false);
          inWork.add(key);
          pending.delete(key);
        };
        for (const { key, action } of steps) {
          if (action === 'add') {
            tried.add(key);
            pending.add(key);
          } else if (action === 'finish' && inWork.delete(key)) tried.finish(key);
          else if (action === 'take' && tried.size() > 0) await take();
        }
        for (const key of [...inWork]) if (inWork.delete(key)) tried.finish(key);
        while (tried.size() > 0) await take();
        expect([...pending]).toEqual([]);
        tried.stop();
      }),
    );
  });
});

/** How long the key waits after it failed, found by moving the clock. */
async function pauseOf(key: string): Promise<number> {
  const from = performance.now();
  queue.retry(key);
  await vi.advanceTimersToNextTimerAsync();
  expect(await queue.take()).toBe(key);
  queue.finish(key);
  return Math.round(performance.now() - from);
}
