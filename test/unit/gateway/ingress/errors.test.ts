import { describe, expect, it } from 'vitest';
import { type ErrorCode, errorTable, TalariaError } from '../../../../core/lib/errors.ts';
import { errorAnswer } from '../../../../gateway/ingress/errors.ts';

const codes = Object.keys(errorTable) as ErrorCode[];

/** Codes by status, as the design's table lists them. */
const statuses: Readonly<Record<number, readonly ErrorCode[]>> = {
  404: [
    'no_route',
    'model_not_found',
    'session_not_found',
    'response_not_found',
    'run_not_found',
    'job_not_found',
    'delivery_not_found',
    'not_found',
  ],
  405: ['method_not_allowed'],
  413: ['body_too_large'],
  403: [
    'agent_forbidden',
    'agent_suspended',
    'account_not_shared',
    'admin_required',
    'origin_refused',
    'deliver_forbidden',
  ],
  503: ['agent_not_found', 'agent_not_ready', 'route_expression_error', 'state_unavailable', 'overloaded'],
  409: [
    'session_busy',
    'run_interrupted',
    'idempotency_conflict',
    'idempotency_in_progress',
    'agent_replaced',
    'approval_not_pending',
    'job_not_started',
    'job_suspended',
    'delivery_settled',
    'agent_served',
  ],
  502: ['run_unknown', 'model_failed'],
  400: ['agent_conflict', 'invalid_header', 'invalid_request', 'unsupported_field'],
  401: ['invalid_key', 'no_keys_configured'],
  429: ['rate_limited', 'budget_exceeded'],
  500: ['internal_error'],
};

describe('every code', () => {
  it.each(codes)('%s has its status and the shape of the OpenAI API', (code) => {
    const answer = errorAnswer(new TalariaError(code, 'what, and the cure', { param: 'model' }));
    expect(statuses[answer.status]).toContain(code);
    expect(answer.body).toEqual({
      error: { message: 'what, and the cure', type: expect.any(String), param: 'model', code },
    });
  });

  it.each(codes)('%s may be repeated by an SDK only where nothing was paid', (code) => {
    const mayRepeat = ['idempotency_in_progress', 'agent_not_ready', 'state_unavailable', 'overloaded', 'rate_limited'];
    const { status, headers } = errorAnswer(new TalariaError(code, ''));
    const sdkWouldRepeat = status === 409 || status === 429 || status >= 500;
    expect(headers['x-should-retry']).toBe(sdkWouldRepeat ? String(mayRepeat.includes(code)) : undefined);
  });

  it.each(codes)('%s says after the first effect that it must not be repeated', (code) => {
    const { headers } = errorAnswer(new TalariaError(code, '', { effectStarted: true }));
    expect(headers['x-should-retry']).toBe('false');
  });

  it.each(codes)('%s carries Retry-After exactly on 429 and 503', (code) => {
    const { status, headers } = errorAnswer(new TalariaError(code, ''));
    expect(headers['retry-after'] !== undefined).toBe(status === 429 || status === 503);
  });
});

it('an error that knows when to come again says so, with headers of its own', () => {
  const headers = { 'x-ratelimit-limit-requests': '60' };
  const error = new TalariaError('rate_limited', 'what, and the cure', { retryAfterSeconds: 42, headers });
  expect(errorAnswer(error).headers).toEqual({ ...headers, 'retry-after': '42', 'x-should-retry': 'true' });
});

describe('an error that nobody foresaw', () => {
  it('is internal_error and tells nothing of the inside', () => {
    const answer = errorAnswer(new Error('password=hunter2'));
    expect(answer).toMatchObject({ status: 500, code: 'internal_error', headers: { 'x-should-retry': 'false' } });
    expect(JSON.stringify(answer)).not.toContain('hunter2');
  });

  it('is the same for what is no Error at all', () => {
    expect(errorAnswer('boom').code).toBe('internal_error');
    expect(errorAnswer(undefined).code).toBe('internal_error');
  });
});
