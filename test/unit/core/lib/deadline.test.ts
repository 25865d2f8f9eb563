import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { deadline } from '../../../../core/lib/deadline.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('a deadline', () => {
  it('aborts when its time is over', () => {
    using limit = deadline(100);
    vi.advanceTimersByTime(99);
    expect(limit.signal.aborted).toBe(false);
    vi.advanceTimersByTime(1);
    expect(limit.expired()).toBe(true);
    expect(limit.signal.reason).toMatchObject({ name: 'TimeoutError' });
  });

  it('aborts with its parent, which is no expiry', () => {
    const parent = new AbortController();
    using limit = deadline(100, parent.signal);
    parent.abort('gone');
    expect(limit.signal.reason).toBe('gone');
    expect(limit.expired()).toBe(false);
  });

  it('is aborted from the start when its parent is', () => {
    using limit = deadline(100, AbortSignal.abort('gone'));
    expect(limit.signal.reason).toBe('gone');
  });

  it('leaves no timer behind', () => {
    const limit = deadline(100);
    limit[Symbol.dispose]();
    expect(vi.getTimerCount()).toBe(0);
  });
});
