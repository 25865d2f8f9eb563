import { describe, expect, it } from 'vitest';
import { verdict } from '../../../crds/verdict.ts';
import { verdictCases } from '../../testdata/verdicts/all.ts';

describe('the table of verdicts', () => {
  it('has at least 60 manifests that are refused, 20 that are not accepted and 30 that are accepted', () => {
    const count = (wanted: string) => verdictCases.filter((one) => one.verdict === wanted).length;
    expect(count('Refused')).toBeGreaterThanOrEqual(60);
    expect(count('NotAccepted')).toBeGreaterThanOrEqual(20);
    expect(count('Accepted')).toBeGreaterThanOrEqual(30);
  });

  it.each(verdictCases)('$kind: $title: $verdict $reason $field', async (one) => {
    const { verdict: got, problems } = await verdict(one.manifest, one.old);
    expect({ verdict: got, fields: problems.map(({ path }) => path) }).toEqual({
      verdict: one.verdict,
      fields: one.verdict === 'Accepted' ? [] : expect.arrayContaining([one.field]),
    });
    if (one.verdict === 'NotAccepted') expect(problems[0]?.reason).toBe(one.reason);
  });
});
