import { expect, it } from 'vitest';
import { runDeliveryStorm } from './storm/delivery-storm.ts';
import { startFaultyReceiver } from './storm/faulty-receiver.ts';

it('three gateways that are killed by turns, and a receiver that fails, limits, hangs and dies: nothing lost, order kept', {
  timeout: 240_000,
}, async () => {
  const report = await runDeliveryStorm({
    deliveries: 600,
    chats: 60,
    faults: { fails: 0.03, limits: 0.03, hangs: 0.003, dies: 0.03 },
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
