import { expect, it } from 'vitest';
import { runDeliveryStorm } from './storm/delivery-storm.ts';
import { startFaultyReceiver } from './storm/faulty-receiver.ts';
import { startFaultyTelegram } from './storm/faulty-telegram.ts';

it('three gateways that are killed by turns, and a receiver that fails, limits, hangs and dies: nothing lost, order kept', {
  timeout: 240_000,
}, async () => {
  const report = await runDeliveryStorm({
    deliveries: 600,
    chats: 60,
    agents: 20,
    faults: { fails: 0.03, limits: 0.03, hangs: 0.003, dies: 0.03, resets: 0.01 },
    startTarget: startFaultyReceiver,
    replicas: 3,
    killEveryMs: 3_000,
    restarts: 1,
    restartsWithinMs: 10_000,
    withinMs: 180_000,
    seed: 7,
  });
  expect(report).toMatchObject({ deliveries: 600, statuses: { sent: 600 }, restarts: 1 });
  expect(report).toMatchObject({ lost: 0, twice: 0, outOfOrder: 0, ambiguous: 0 });
  expect(report.kills).toBeGreaterThanOrEqual(2);
  expect(report.repeated).toBeGreaterThan(0);
});

it('the same with Telegram: each Agent by its own token, nothing shown twice, what may have been shown is parked', {
  timeout: 240_000,
}, async () => {
  const report = await runDeliveryStorm({
    deliveries: 400,
    chats: 80,
    agents: 20,
    faults: { fails: 0.03, limits: 0.03, hangs: 0.003, dies: 0.02, resets: 0.02 },
    startTarget: startFaultyTelegram,
    replicas: 3,
    killEveryMs: 2_000,
    restarts: 1,
    restartsWithinMs: 10_000,
    withinMs: 180_000,
    seed: 7,
  });
  expect(report).toMatchObject({ deliveries: 400, restarts: 1, lost: 0, twice: 0, outOfOrder: 0, foreignTokens: 0 });
  expect(report.statuses).toEqual({ sent: 400 - report.ambiguous, ambiguous: report.ambiguous });
  expect(report.kills).toBeGreaterThanOrEqual(2);
  expect(report.ambiguousTaken).toBeGreaterThan(0);
  expect(report.ambiguousTaken).toBeLessThan(report.ambiguous);
});
