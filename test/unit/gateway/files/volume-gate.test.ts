import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createVolumeGate } from '../../../../gateway/files/volume-gate.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const clock = { now: () => Date.now(), monotonic: () => Date.now() };
const hangs = () => new Promise<never>(() => undefined);

describe('the gate of volumes', () => {
  it('lets one piece of work for an agent and two for all begin', async () => {
    const gate = createVolumeGate(clock);
    const begun: string[] = [];
    const ends: (() => void)[] = [];
    const work = (name: string) => () => {
      begun.push(name);
      return new Promise<string>((resolve) => ends.push(() => resolve(name)));
    };
    const results = [gate('a', work('a1')), gate('a', work('a2')), gate('b', work('b')), gate('c', work('c'))];
    await vi.advanceTimersByTimeAsync(1);
    expect(begun).toEqual(['a1', 'b']);
    ends[0]?.();
    await vi.advanceTimersByTimeAsync(1);
    expect(begun).toHaveLength(3);
    for (let at = 0; at < 4; at += 1) {
      ends[at]?.();
      await vi.advanceTimersByTimeAsync(1);
    }
    expect(await Promise.all(results)).toEqual(['a1', 'a2', 'b', 'c']);
  });

  it('gives up on a volume that hangs, and goes on with another one', async () => {
    const gate = createVolumeGate(clock);
    const hung = expect(gate('a', hangs)).rejects.toThrow('does not answer');
    await vi.advanceTimersByTimeAsync(5_001);
    await hung;
    expect(await gate('b', async () => 'works')).toBe('works');
    const again = expect(gate('a', async () => 'never')).rejects.toMatchObject({ code: 'state_unavailable' });
    await vi.advanceTimersByTimeAsync(5_001);
    await again;
  });

  it('passes on what the work throws, and is free again', async () => {
    const gate = createVolumeGate(clock);
    await expect(gate('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await gate('a', async () => 1)).toBe(1);
  });
});
