import { AsyncLocalStorage } from 'node:async_hooks';

/** How items are batched. It pays where the cost is the round trip, not the items. */
export interface BatcherOptions<Item, Result> {
  /** Does all of the items or, when it throws, none. Gives one result for each, in their order. */
  readonly work: (items: readonly Item[]) => Promise<readonly Result[]>;
  readonly maxItems: number;
  /** A batch ends before the item with which it would be larger than `maxSize`; one item alone may be. Absent: no bound. */
  readonly maxSize?: number;
  readonly sizeOf?: (item: Item) => number;
  /** How many batches are under way at once; what comes meanwhile waits and goes together. */
  readonly concurrency: number;
  /** Two items of one key never share a batch, but may be under way in two batches at once. Absent: any may share one. */
  readonly keyOf?: (item: Item) => string;
  /** True for an error that one item alone may have caused: then each goes alone, until one fails otherwise. Default: never. */
  readonly shouldRetryAlone?: (error: unknown) => boolean;
}

/**
 * Makes a function that does one item and is cheap when many callers call it at once: what is asked for in one turn of the
 * event loop, or while enough batches are under way, is done together. It rejects with the error of the batch. How many items wait
 * is bounded by the number of its callers.
 */
export function createBatcher<Item, Result>(options: BatcherOptions<Item, Result>): (item: Item) => Promise<Result> {
  let waiting: Waiting<Item, Result>[] = [];
  let underWay = 0;
  let asked = false;
  // A batch is many callers' work: what is bound to the one who came first must not be told of the others.
  const outside = AsyncLocalStorage.snapshot();

  const pump = () => {
    while (underWay < options.concurrency && waiting.length > 0) {
      const [batch, rest] = takeBatch(waiting, options);
      waiting = rest;
      underWay += 1;
      void settle(batch, options).finally(() => {
        underWay -= 1;
        pump();
      });
    }
  };

  return (item) => {
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    waiting.push({ item, resolve, reject });
    if (!asked) {
      asked = true;
      outside(() =>
        setImmediate(() => {
          asked = false;
          pump();
        }),
      );
    }
    return promise;
  };
}

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

type Batch<Item, Result> = Waiting<Item, Result>[];

function takeBatch<Item, Result>(
  waiting: Batch<Item, Result>,
  { maxItems, maxSize = Number.POSITIVE_INFINITY, sizeOf = () => 0, keyOf }: BatcherOptions<Item, Result>,
): [batch: Batch<Item, Result>, rest: Batch<Item, Result>] {
  const batch: Batch<Item, Result> = [];
  const rest: Batch<Item, Result> = [];
  const keys = new Set<string>();
  let size = 0;
  for (const one of waiting) {
    const key = keyOf?.(one.item);
    const itemSize = sizeOf(one.item);
    const fits = batch.length === 0 || (batch.length < maxItems && size + itemSize <= maxSize);
    if (fits && (key === undefined || !keys.has(key))) {
      batch.push(one);
      size += itemSize;
    } else {
      rest.push(one);
    }
    if (key !== undefined) keys.add(key);
  }
  return [batch, rest];
}

async function settle<Item, Result>(batch: Batch<Item, Result>, options: BatcherOptions<Item, Result>): Promise<void> {
  try {
    const results = await options.work(batch.map(({ item }) => item));
    if (results.length !== batch.length) throw new Error(`${results.length} results for ${batch.length} items`);
    for (const [index, { resolve }] of batch.entries()) resolve(results[index] as Result);
  } catch (error) {
    if (batch.length > 1 && options.shouldRetryAlone?.(error) === true) await settleAlone(batch, options);
    else rejectAll(batch, error);
  }
}

async function settleAlone<Item, Result>(
  batch: Batch<Item, Result>,
  { work, shouldRetryAlone }: BatcherOptions<Item, Result>,
): Promise<void> {
  for (const [index, { item, resolve, reject }] of batch.entries()) {
    try {
      resolve((await work([item]))[0] as Result);
    } catch (error) {
      reject(error);
      if (shouldRetryAlone?.(error) !== true) return rejectAll(batch.slice(index + 1), error);
    }
  }
}

function rejectAll<Item, Result>(batch: Batch<Item, Result>, error: unknown): void {
  for (const { reject } of batch) reject(error);
}
