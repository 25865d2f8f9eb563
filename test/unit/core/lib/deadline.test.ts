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

  it('has the time of its making, whenever its signal is asked for', () => {
    using limit = deadline(100);
    vi.advanceTimersByTime(60);
    const { signal } = limit;
    expect(limit.remainingMs()).toBe(40);
    vi.advanceTimersByTime(40);
    expect(signal.aborted).toBe(true);
    expect(limit.isOver()).toBe(true);
  });

  it('is over without a signal, too', () => {
    const parent = new AbortController();
    using byTime = deadline(100, parent.signal);
    using byParent = deadline(200, parent.signal);
    vi.advanceTimersByTime(100);
    expect(byTime.throwIfOver).toThrow('the deadline passed');
    expect(byParent.throwIfOver).not.toThrow();
    parent.abort(new Error('gone'));
    expect(byParent.throwIfOver).toThrow('gone');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('that has expired stays expired when its parent aborts after that', () => {
    const parent = new AbortController();
    using limit = deadline(100, parent.signal);
    vi.advanceTimersByTime(100);
    expect(limit.expired()).toBe(true);
    parent.abort(new Error('gone'));
    expect(limit.expired()).toBe(true);
    expect(limit.throwIfOver).toThrow('the deadline passed');
    expect(limit.signal.reason).toMatchObject({ name: 'TimeoutError' });
  });

  it('hears its parent no more once it is disposed', () => {
    const parent = new AbortController();
    const limit = deadline(100, parent.signal);
    const { signal } = limit;
    limit[Symbol.dispose]();
    parent.abort();
    expect(signal.aborted).toBe(false);
  });

  it('leaves no timer behind, not even for a signal that is asked for too late', () => {
    const late = deadline(100);
    late[Symbol.dispose]();
    expect(late.signal.aborted).toBe(false);
    const limit = deadline(100);
    expect(limit.signal.aborted).toBe(false);
    expect(vi.getTimerCount()).toBe(1);
    limit[Symbol.dispose]();
    expect(limit.signal.aborted).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });
});
