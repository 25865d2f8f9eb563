import { describe, expect, it } from 'vitest';
import { fromWire, madeAt, newId, toWire } from '../../../../core/lib/id.ts';

describe('an id', () => {
  it('is a UUIDv7 that holds its millisecond', () => {
    const id = newId(0x0192_f0c1_a2b3);
    expect(id).toMatch(/^0192f0c1-a2b3-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(madeAt(id)).toBe(0x0192_f0c1_a2b3);
  });

  it('sorts by time, then by the order of making, and never comes twice', () => {
    const ids = Array.from({ length: 100_000 }, (_, at) => newId(1_700_000_000_000 + Math.floor(at / 1_000)));
    expect([...ids].sort()).toEqual(ids);
    expect(new Set(Array.from({ length: 10_000 }, () => newId(1)))).toHaveProperty('size', 10_000);
  });

  it('survives the wire', () => {
    const id = newId();
    expect(toWire('ses', id)).toMatch(/^ses_[0-9a-f]{32}$/);
    expect(fromWire('ses', toWire('ses', id))).toBe(id);
  });

  it.each([
    '',
    'ses_',
    'ses_1',
    `run_${'0'.repeat(32)}`,
    `ses_${'0'.repeat(33)}`,
    `ses_${'G'.repeat(32)}`,
    `ses_${'A'.repeat(32)}`,
    `SES_${'0'.repeat(32)}`,
  ])('%j is no session id', (text) => {
    expect(fromWire('ses', text)).toBeUndefined();
  });
});
