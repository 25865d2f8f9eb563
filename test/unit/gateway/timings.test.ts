import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { createTimings } from '../../../gateway/timings.ts';

describe('timings', () => {
  it('show every value that was observed, each time they are asked for', async () => {
    const registry = new Registry();
    const timings = createTimings({
      name: 'test_seconds',
      help: 'Test.',
      labelNames: ['path'],
      buckets: [1, 2],
      registers: [registry],
    });
    for (let at = 0; at < 1_500; at += 1) timings.observe(at % 2 === 0 ? '/even' : '/odd', at % 2 === 0 ? 1.5 : 5);
    const first = await registry.metrics();
    expect(first).toContain('test_seconds_bucket{le="1",path="/even"} 0');
    expect(first).toContain('test_seconds_bucket{le="2",path="/even"} 750');
    expect(first).toContain('test_seconds_bucket{le="2",path="/odd"} 0');
    expect(first).toContain('test_seconds_bucket{le="+Inf",path="/odd"} 750');
    expect(first).toContain('test_seconds_sum{path="/even"} 1125');
    timings.observe('/odd', 5);
    expect(await registry.metrics()).toContain('test_seconds_count{path="/odd"} 751');
  });
});
