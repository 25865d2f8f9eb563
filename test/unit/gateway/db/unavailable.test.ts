import { describe, expect, it } from 'vitest';
import { TalariaError } from '../../../../core/lib/errors.ts';
import { asStateError } from '../../../../gateway/db/unavailable.ts';

describe('a database that cannot be used right now', () => {
  it.each(['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', '57P01', '57P03', '08006', '53300', '40P01', '57014'])(
    '%s is state_unavailable',
    (code) => {
      const error = asStateError(Object.assign(new Error('connect to db:5432 as talaria failed'), { code }));
      expect(error).toMatchObject({ code: 'state_unavailable' });
      expect(String(error)).not.toContain('talaria failed');
    },
  );

  it.each(['Connection terminated unexpectedly', 'timeout exceeded when trying to connect', 'Query read timeout'])(
    '%s is state_unavailable',
    (message) => {
      expect(asStateError(new Error(message))).toBeInstanceOf(TalariaError);
    },
  );

  it('is recognised behind several addresses', () => {
    const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
    expect(asStateError(new AggregateError([refused, refused]))).toMatchObject({ code: 'state_unavailable' });
  });
});

it('every other failure comes through as it is', () => {
  const violation = Object.assign(new Error('duplicate key'), { code: '23505' });
  expect(asStateError(violation)).toBe(violation);
  const refusal = new TalariaError('session_busy', 'x');
  expect(asStateError(refusal)).toBe(refusal);
  expect(asStateError('text')).toBe('text');
});
