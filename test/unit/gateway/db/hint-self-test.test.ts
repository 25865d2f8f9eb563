import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createLogger } from '../../../../core/lib/log.ts';
import { createHintSelfTest, type HintSelfTest, type HintTestResult } from '../../../../gateway/db/hint-self-test.ts';

const log = createLogger('test', 'silent');
let nonces: string[];
let results: HintTestResult[];
let listening: boolean;
let notify: (nonce: string) => Promise<unknown>;
let selfTest: HintSelfTest;
beforeEach(() => {
  vi.useFakeTimers();
  nonces = [];
  results = [];
  listening = true;
  notify = async (nonce) => selfTest.heard(nonce);
  selfTest = createHintSelfTest({
    notify: (nonce) => {
      nonces.push(nonce);
      return notify(nonce);
    },
    isListening: () => listening,
    onResult: (result) => results.push(result),
    log,
  });
});
afterEach(async () => {
  await selfTest.stop();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

it('a nonce that comes back passes, and each 5 s another is sent', async () => {
  selfTest.start();
  await vi.advanceTimersByTimeAsync(10_100);
  expect(results).toEqual(['passed', 'passed', 'passed']);
  expect(new Set(nonces).size).toBe(3);
});

it('a nonce that does not come back within 2 s fails, and is of no use later', async () => {
  notify = async () => undefined;
  selfTest.start();
  await vi.advanceTimersByTimeAsync(1_999);
  expect(results).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(results).toEqual(['not-heard']);
  selfTest.heard(nonces[0] ?? '');
  expect(results).toEqual(['not-heard']);
});

it('a nonce that cannot be sent fails at once', async () => {
  notify = async () => Promise.reject(new Error('away'));
  selfTest.start();
  await vi.advanceTimersByTimeAsync(0);
  expect(results).toEqual(['not-sent']);
});

it('a nonce that came back although its statement failed has passed', async () => {
  notify = async (nonce) => {
    selfTest.heard(nonce);
    throw new Error('the answer was lost');
  };
  selfTest.start();
  await vi.advanceTimersByTimeAsync(0);
  expect(results).toEqual(['passed']);
});

it('nothing is tested while nobody listens, and a nudge tests at once', async () => {
  listening = false;
  selfTest.start();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(nonces).toEqual([]);
  listening = true;
  selfTest.nudge();
  await vi.advanceTimersByTimeAsync(0);
  expect(results).toEqual(['passed']);
});

it('a stop during a test ends it without a result', async () => {
  notify = async () => undefined;
  selfTest.start();
  await vi.advanceTimersByTimeAsync(10);
  await selfTest.stop();
  expect(results).toEqual([]);
});
