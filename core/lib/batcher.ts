/** Work whose cost lies in the round trip rather than in the items. */
export interface BatcherOptions<Item, Result> {
  /** Does all of the items or, when it throws, none. Gives one result for each, in their order. */
  readonly work: (items: readonly Item[]) => Promise<readonly Result[]>;
  readonly maxItems: number;
  /** How many batches are under way at once; what comes meanwhile waits and goes together. */
  readonly lanes: number;
  /** Items of one key never share a batch; they keep their order within a lane. Default: none do. */
  readonly keyOf?: (item: Item) => string;
  /** True for an error that one item alone may have caused: then each goes alone. Default: never. */
  readonly mayBeOneItems?: (error: unknown) => boolean;
}

/**
 * Makes a function that does one item and is cheap when many callers call it at once: what is asked for in one turn of the
 * event loop, or while all lanes are busy, is done together. It rejects with the error of the batch. How many items wait is
 * bounded by the number of its callers.
 */
export function createBatcher<Item, Result>(options: BatcherOptions<Item, Result>): (item: Item) => Promise<Result> {
  const { lanes } = options;
  let waiting: Waiting<Item, Result>[] = [];
  let underWay = 0;
  let asked = false;

  const pump = () => {
    while (underWay < lanes && waiting.length > 0) {
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
      setImmediate(() => {
        asked = false;
        pump();
      });
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
  { maxItems, keyOf }: BatcherOptions<Item, Result>,
): [batch: Batch<Item, Result>, rest: Batch<Item, Result>] {
  if (keyOf === undefined) return [waiting.slice(0, maxItems), waiting.slice(maxItems)];
  const batch: Batch<Item, Result> = [];
  const rest: Batch<Item, Result> = [];
  const keys = new Set<string>();
  for (const one of waiting) {
    const key = keyOf(one.item);
    const fits = batch.length < maxItems && !keys.has(key);
    keys.add(key);
    (fits ? batch : rest).push(one);
  }
  return [batch, rest];
}

async function settle<Item, Result>(batch: Batch<Item, Result>, options: BatcherOptions<Item, Result>): Promise<void> {
  try {
    const results = await options.work(batch.map(({ item }) => item));
    for (const [index, { resolve }] of batch.entries()) resolve(results[index] as Result);
  } catch (error) {
    const alone = batch.length > 1 && options.mayBeOneItems?.(error) === true;
    if (alone) for (const one of batch) await settle([one], options);
    else for (const { reject } of batch) reject(error);
  }
}
