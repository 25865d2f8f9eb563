import { describe, expect, it } from 'vitest';
import { createBatcher } from '../../../../core/lib/batcher.ts';

/** Work that ends when the test says so, and tells which batches there were. */
function heldWork() {
  const batches: string[][] = [];
  const releases: (() => void)[] = [];
  return {
    batches,
    release: () => releases.shift()?.(),
    work: async (items: readonly string[]) => {
      batches.push([...items]);
      const { promise, resolve } = Promise.withResolvers<void>();
      releases.push(resolve);
      await promise;
      return items.map((item) => `${item} done`);
    },
  };
}

async function nextTurn() {
  await new Promise((resolve) => setImmediate(resolve));
}

describe('a batcher', () => {
  it('does together what is asked for at once, and gives each its own result', async () => {
    const { batches, release, work } = heldWork();
    const one = createBatcher({ work, maxItems: 10, concurrency: 1 });
    const results = Promise.all(['a', 'b', 'c'].map(one));
    await nextTurn();
    release();
    expect(await results).toEqual(['a done', 'b done', 'c done']);
    expect(batches).toEqual([['a', 'b', 'c']]);
  });

  it('does together what comes while enough is under way, at most maxItems', async () => {
    const { batches, release, work } = heldWork();
    const one = createBatcher({ work, maxItems: 2, concurrency: 1 });
    const first = one('a');
    await nextTurn();
    const later = Promise.all(['b', 'c', 'd'].map(one));
    await nextTurn();
    expect(batches).toEqual([['a']]);
    release();
    await first;
    await nextTurn();
    release();
    await nextTurn();
    release();
    await later;
    expect(batches).toEqual([['a'], ['b', 'c'], ['d']]);
  });

  it('never puts two items of one key into a batch, and keeps their order', async () => {
    const { batches, release, work } = heldWork();
    const one = createBatcher({ work, maxItems: 10, concurrency: 1, keyOf: (item) => item[0] ?? '' });
    const results = Promise.all(['a1', 'b1', 'a2', 'a3'].map(one));
    for (let turn = 0; turn < 3; turn += 1) {
      await nextTurn();
      release();
    }
    await results;
    expect(batches).toEqual([['a1', 'b1'], ['a2'], ['a3']]);
  });

  it('rejects all of a batch that failed, and goes on', async () => {
    let fails = true;
    const one = createBatcher({
      work: async (items: readonly string[]) => {
        if (fails) throw new Error('away');
        return items;
      },
      maxItems: 10,
      concurrency: 1,
    });
    const outcomes = await Promise.allSettled(['a', 'b'].map(one));
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    fails = false;
    expect(await one('c')).toBe('c');
  });

  it('does each alone when one of them may have caused the failure, which then fails alone', async () => {
    const one = createBatcher({
      work: async (items: readonly string[]) => {
        if (items.includes('bad')) throw new Error('bad item');
        return items;
      },
      maxItems: 10,
      concurrency: 1,
      shouldRetryAlone: () => true,
    });
    const outcomes = await Promise.allSettled(['a', 'bad', 'c'].map(one));
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('has as many batches under way as it may, also of one key', async () => {
    const { batches, release, work } = heldWork();
    const one = createBatcher({ work, maxItems: 1, concurrency: 2, keyOf: () => 'same' });
    const results = Promise.all(['a', 'b', 'c'].map(one));
    await nextTurn();
    expect(batches).toEqual([['a'], ['b']]);
    release();
    await nextTurn();
    expect(batches).toEqual([['a'], ['b'], ['c']]);
    release();
    release();
    expect(await results).toEqual(['a done', 'b done', 'c done']);
  });

  it('goes on alone only as long as one item may be the cause', async () => {
    const calls: (readonly string[])[] = [];
    const one = createBatcher({
      work: async (items: readonly string[]) => {
        calls.push(items);
        throw new Error(items.length > 1 ? 'one of them' : 'away');
      },
      maxItems: 10,
      concurrency: 1,
      shouldRetryAlone: (error) => error instanceof Error && error.message === 'one of them',
    });
    const outcomes = await Promise.allSettled(['a', 'b', 'c'].map(one));
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(calls).toEqual([['a', 'b', 'c'], ['a']]);
  });

  it('rejects when the work gives too few results', async () => {
    const one = createBatcher({ work: async () => [], maxItems: 10, concurrency: 1 });
    await expect(one('a')).rejects.toThrow('0 results for 1 items');
  });

  it('keeps a batch below maxSize, and does one item alone whatever its size', async () => {
    const { batches, release, work } = heldWork();
    const one = createBatcher({ work, maxItems: 10, concurrency: 1, maxSize: 4, sizeOf: (item) => item.length });
    const results = Promise.all(['aaaaaa', 'bb', 'cc', 'dd'].map(one));
    for (let turn = 0; turn < 3; turn += 1) {
      await nextTurn();
      release();
    }
    await results;
    expect(batches).toEqual([['aaaaaa'], ['bb', 'cc'], ['dd']]);
  });
});
