import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { keepRunning } from '../../../../cli/cluster/keep-running.ts';

describe('what is kept running', () => {
  let stop: AbortController;
  let lines: string[];
  let starts: number;
  let up: boolean;
  let finished: Promise<void>;

  const keep = (start: () => Promise<void>) => {
    finished = keepRunning({ name: 'gateway', running: () => up, start }, (line) => lines.push(line), stop.signal);
  };
  const startsUp = async () => {
    starts += 1;
    up = true;
  };
  const startsAndEnds = async () => {
    starts += 1;
  };

  beforeEach(() => {
    vi.useFakeTimers();
    stop = new AbortController();
    lines = [];
    starts = 0;
    up = true;
  });
  afterEach(async () => {
    stop.abort();
    await finished;
    vi.useRealTimers();
  });

  it('is left alone while it runs', async () => {
    keep(startsUp);
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(starts).toBe(0);
    expect(lines).toEqual([]);
  });

  it('is started again a second after it ended, and the ending is told', async () => {
    keep(startsUp);
    up = false;
    await vi.advanceTimersByTimeAsync(1_100);
    expect(starts).toBe(0);
    await vi.advanceTimersByTimeAsync(200);
    expect(starts).toBe(1);
    expect(lines).toEqual(['gateway ended; it is started again in 1 s']);
  });

  it('waits twice as long each time when it ends at once, up to 30 seconds', async () => {
    keep(startsAndEnds);
    up = false;
    await vi.advanceTimersByTimeAsync(120_000);
    const delays = lines.map((line) => Number(/in (\d+) s/.exec(line)?.[1]));
    expect(delays.slice(0, 7)).toEqual([1, 2, 4, 8, 16, 30, 30]);
  });

  it('waits one second again once it ran for more than a minute', async () => {
    keep(startsUp);
    for (let ending = 0; ending < 3; ending++) {
      up = false;
      await vi.advanceTimersByTimeAsync(2_000);
      await vi.advanceTimersByTimeAsync(61_000);
    }
    expect(lines).toEqual(Array(3).fill('gateway ended; it is started again in 1 s'));
  });

  it('is tried again when it does not start, and the reason is told', async () => {
    keep(async () => {
      starts += 1;
      if (starts === 1) throw new Error('the port is taken');
      up = true;
    });
    up = false;
    await vi.advanceTimersByTimeAsync(4_000);
    expect(starts).toBe(2);
    expect(lines).toContain('gateway did not start: the port is taken');
  });
});
