import { describe, expect, it } from 'vitest';
import { waitFor } from '../../harness/wait-for.ts';

describe('waiting', () => {
  it('ends with the first value that is there', async () => {
    const values = [undefined, null, false, 0];
    expect(await waitFor('a number', () => values.shift())).toBe(0);
  });

  it('goes on when a probe fails', async () => {
    let probes = 0;
    const probe = async () => {
      probes += 1;
      if (probes < 3) throw new Error('not yet');
      return 'up';
    };
    expect(await waitFor('the server', probe)).toBe('up');
  });

  it('fails after the deadline with what was awaited and what the last probe said', async () => {
    const refused = () => Promise.reject(new Error('connection refused'));
    await expect(waitFor('the server', refused, { timeoutMs: 30 })).rejects.toThrow(
      'waited 30 ms in vain for: the server (the last probe failed: connection refused)',
    );
  });
});
