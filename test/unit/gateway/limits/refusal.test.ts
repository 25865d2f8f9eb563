import { describe, expect, it } from 'vitest';
import type { Bound } from '../../../../gateway/limits/bounds.ts';
import type { Standing } from '../../../../gateway/limits/meter.ts';
import { limitHeaders, limitReached } from '../../../../gateway/limits/refusal.ts';

const ofAgent = { agent: 'main', principal: '' };
const ofKey = { agent: '', principal: 'agent-key:main/app' };
const standing = (bound: Bound, remaining: number, resetMs: number): Standing => ({ bound, remaining, resetMs });
const requests = standing({ name: 'requestsPerMinute', ...ofAgent, maximum: 60 }, 12, 900);
const requestsOfKey = standing({ name: 'requestsPerMinute', ...ofKey, maximum: 10 }, 3, 900);
const tokens = standing({ name: 'tokensPerDay', ...ofAgent, maximum: 150_000 }, 149_984, 360_000);
const runs = standing({ name: 'maxConcurrentRuns', ...ofAgent, maximum: 2 }, 0, 0);

describe('x-ratelimit headers', () => {
  it('tell of the bound with the least left, in the form of the OpenAI API', () => {
    expect(limitHeaders([requests, requestsOfKey, tokens, runs])).toEqual({
      'x-ratelimit-limit-requests': '10',
      'x-ratelimit-remaining-requests': '3',
      'x-ratelimit-reset-requests': '1s',
      'x-ratelimit-limit-tokens': '150000',
      'x-ratelimit-remaining-tokens': '149984',
      'x-ratelimit-reset-tokens': '6m0s',
    });
  });

  it('are absent where nothing of the kind is bounded', () => {
    expect(limitHeaders([runs])).toEqual({});
  });
});

describe('a refusal', () => {
  it('is budget_exceeded for tokens, whatever else is reached, and names whose bound it is', () => {
    const error = limitReached([requests, tokens], [requests, tokens]);
    expect(error).toMatchObject({ code: 'budget_exceeded', retryAfterSeconds: 360 });
    expect(error.message).toBe(
      'Agent "main" has 150000 tokens a day (tokensPerDay) over all replicas, and they are in use. Try again in 6m0s, or raise spec.limits.tokensPerDay of the Agent.',
    );
    expect(error.headers).toMatchObject({
      'x-ratelimit-remaining-tokens': '0',
      'x-ratelimit-remaining-requests': '0',
    });
  });

  it('of a key tells its caller that it is the key', () => {
    const error = limitReached([requestsOfKey], [requests, requestsOfKey, tokens]);
    expect(error).toMatchObject({ code: 'rate_limited', retryAfterSeconds: 1 });
    expect(error.message).toContain('This API key has 10 requests a minute');
    expect(error.headers).toMatchObject({
      'x-ratelimit-remaining-requests': '0',
      'x-ratelimit-remaining-tokens': '149984',
    });
  });

  it('of runs at once may be tried again after a second', () => {
    const error = limitReached([runs], [runs, requests]);
    expect(error).toMatchObject({ code: 'rate_limited', retryAfterSeconds: 1 });
    expect(error.headers).toMatchObject({ 'x-ratelimit-remaining-requests': '12' });
  });
});
