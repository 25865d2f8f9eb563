import { expect, it } from 'vitest';
import { createStandstill } from '../../../../operator/volumes/standstill.ts';
import { gateways } from './world.ts';

it('a rollout stands still from its last step on, and no longer once it has finished', () => {
  let time = 1_000;
  const standstill = createStandstill(() => time);
  const at = (seconds: number, deployment = gateways({ finished: false })) => {
    time = 1_000 + seconds * 1_000;
    return standstill.of(deployment);
  };
  expect(at(0)).toBe(0);
  expect(at(50)).toBe(50_000);
  const further = gateways({ replicas: 3, finished: false });
  expect(at(60, further)).toBe(0);
  expect(at(100, further)).toBe(40_000);
  expect(at(110, gateways())).toBeUndefined();
  expect(at(120)).toBe(0);
});
