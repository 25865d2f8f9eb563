import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  after,
  type Controller,
  createCoalescingLoop,
  createController,
  done,
  type Outcome,
  TerminalError,
} from '../../../../core/kube/controller.ts';
import { KubeError } from '../../../../core/kube/kube-error.ts';
import { createLogger } from '../../../../core/lib/log.ts';

const log = createLogger('test', 'silent');
let controller: Controller | undefined;
let errors: { error: unknown; terminal: boolean }[];

beforeEach(() => {
  vi.useFakeTimers();
  errors = [];
});

afterEach(async () => {
  await controller?.stop();
  vi.useRealTimers();
});

describe('a controller', () => {
  it('reconciles every added key', async () => {
    const reconciled = run(() => done);
    controller?.add('a');
    controller?.add('b');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(reconciled).toEqual(['a', 'b']);
  });

  it('reconciles again after the time that a reconcile asks for', async () => {
    const reconciled = run((count) => (count === 1 ? after(30_000) : done));
    controller?.add('a');
    await vi.advanceTimersByTimeAsync(29_999);
    expect(reconciled).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(reconciled).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(reconciled).toHaveLength(2);
  });

  it('retries a failed key with growing pauses and counts the failures, while others go on', async () => {
    const reconciled = run((count, key) => {
      if (key === 'bad' && count <= 5) throw new Error('not yet');
      return done;
    });
    controller?.add('bad');
    controller?.add('good');
    await vi.advanceTimersByTimeAsync(5 + 10 + 20 + 40);
    expect(reconciled).toEqual(['bad', 'good', 'bad', 'bad', 'bad', 'bad']);
    await vi.advanceTimersByTimeAsync(80);
    expect(reconciled.filter((key) => key === 'bad')).toHaveLength(6);
    expect(errors.map(({ terminal }) => terminal)).toEqual([false, false, false, false, false]);
  });

  it.each([
    ['a TerminalError', new TerminalError('never')],
    [
      'a request that can never succeed',
      new KubeError({ status: 500, reason: 'InternalError', message: '.spec.x: field not declared in schema' }),
    ],
  ])('lets a key rest after %s until it is added again', async (_title, error) => {
    const reconciled = run(() => {
      throw error;
    });
    controller?.add('a');
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(reconciled).toHaveLength(1);
    expect(errors).toEqual([{ error, terminal: true }]);
    controller?.add('a');
    await vi.advanceTimersByTimeAsync(0);
    expect(reconciled).toHaveLength(2);
  });

  it('tells a running reconcile to stop, and waits for it', async () => {
    let stopped = false;
    controller = createController({
      name: 'test',
      log,
      reconcile: async (_key, signal) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        stopped = true;
        return done;
      },
    });
    controller.start();
    controller.add('a');
    await vi.advanceTimersByTimeAsync(1);
    await controller.stop();
    expect(stopped).toBe(true);
  });
});

describe('a coalescing loop', () => {
  it('runs once more for all triggers that come during a run', async () => {
    let runs = 0;
    let release = (): void => undefined;
    const loop = createCoalescingLoop({
      name: 'test',
      log,
      run: async () => {
        runs += 1;
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        return done;
      },
    });
    loop.start();
    loop.trigger();
    await vi.advanceTimersByTimeAsync(0);
    for (let count = 0; count < 10; count += 1) loop.trigger();
    expect(runs).toBe(1);
    release();
    await vi.advanceTimersByTimeAsync(0);
    expect(runs).toBe(2);
    release();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(runs).toBe(2);
    await loop.stop();
  });

  it('runs at once when triggered while it waits to repeat a failed run', async () => {
    let runs = 0;
    const loop = createCoalescingLoop({
      name: 'test',
      log,
      run: async () => {
        runs += 1;
        if (runs < 15) throw new Error('not yet');
        return done;
      },
    });
    loop.start();
    loop.trigger();
    await vi.advanceTimersByTimeAsync(30_000);
    const before = runs;
    loop.trigger();
    await vi.advanceTimersByTimeAsync(0);
    expect(runs).toBe(before + 1);
    await loop.stop();
  });
});

/** Starts a controller; `decide` gets how often the key was reconciled. Gives the keys in the order of reconciles. */
function run(decide: (count: number, key: string) => Outcome): readonly string[] {
  const reconciled: string[] = [];
  controller = createController({
    name: 'test',
    log,
    onError: (error, terminal) => errors.push({ error, terminal }),
    reconcile: async (key) => {
      reconciled.push(key);
      return decide(reconciled.filter((other) => other === key).length, key);
    },
  });
  controller.start();
  return reconciled;
}
