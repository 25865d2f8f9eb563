import { Histogram, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { createTimings } from '../../../gateway/timings.ts';

const configuration = {
  name: 'test_seconds',
  help: 'Test.',
  labelNames: ['path'],
  buckets: [0.5, 1, 2],
} as const;

describe('timings', () => {
  it('are told as a histogram of the same values tells them, each time they are asked for', async () => {
    const [ours, theirs] = [new Registry(), new Registry()];
    const timings = createTimings({ ...configuration, registers: [ours] });
    const histogram = new Histogram({ ...configuration, buckets: [...configuration.buckets], registers: [theirs] });
    const observe = (path: string, seconds: number) => {
      timings.observe(path, seconds);
      histogram.observe({ path }, seconds);
    };
    for (const seconds of [0, 0.25, 0.5, 0.75, 1, 2, 2.5, 1e9]) observe('/even', seconds);
    observe('a "quoted"\\path\n', 0.5);
    expect(await ours.metrics()).toBe(await theirs.metrics());
    expect(await ours.metrics()).toContain('test_seconds_bucket{le="1",path="/even"} 5\n');
    observe('/odd', 5);
    expect(await ours.metrics()).toBe(await theirs.metrics());
    ours.resetMetrics();
    expect(await ours.metrics()).not.toContain('test_seconds_count');
  });
});
