import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AgentEntry, ModelSettings } from '../../../../core/snapshot/schema.ts';
import { costOf } from '../../../../gateway/agent/cost.ts';
import type { Usage } from '../../../../gateway/agent/models/port.ts';
import { configuration } from '../../../harness/entries.ts';

type Prices = NonNullable<ModelSettings['prices']>;

describe('the cost of a turn', () => {
  it('is exact, without the zeros at the end', () => {
    const agent = agentOf({ own: prices('2.5', '10') });
    expect(costOf(agent, used({ own: [1_000, 200] }))).toEqual({ amount: '0.0045', currency: 'USD' });
    expect(costOf(agent, used({ own: [400_000, 0] }))).toEqual({ amount: '1', currency: 'USD' });
    expect(costOf(agent, used({ own: [0, 0] }))).toEqual({ amount: '0', currency: 'USD' });
  });

  it('of prices with nine digits and of very many tokens loses nothing', () => {
    const agent = agentOf({ own: prices('0.000000001', '999999999.999999999') });
    expect(costOf(agent, used({ own: [1, 0] }))?.amount).toBe('0.000000000000001');
    expect(costOf(agent, used({ own: [0, 9_007_199_254_740_991] }))?.amount).toBe(
      '9007199254740990990.992800745259009',
    );
  });

  it('is the sum over all models that were asked, each by its own prices', () => {
    const agent = agentOf({ own: prices('1', '2'), spare: prices('10', '20') });
    expect(costOf(agent, used({ own: [1_000_000, 500_000], spare: [100_000, 0] }))?.amount).toBe('3');
  });

  it.each([
    ['a model has no prices', { own: undefined }, { own: [1, 1] }],
    ['one of two has none', { own: prices('1', '1'), spare: undefined }, { own: [1, 1], spare: [1, 1] }],
    [
      'they differ in currency',
      { own: prices('1', '1'), spare: prices('1', '1', 'EUR') },
      { own: [1, 1], spare: [1, 1] },
    ],
    ['the model is not the Agent’s', { own: prices('1', '1') }, { other: [1, 1] }],
    ['no model was asked', { own: prices('1', '1') }, {}],
  ] as const)('is not known when %s', (_what, models, usage) => {
    expect(costOf(agentOf(models), used(usage))).toBeUndefined();
  });

  it('does not ask for prices of a fallback that was not used', () => {
    expect(costOf(agentOf({ own: prices('1', '1'), spare: undefined }), used({ own: [1, 0] }))?.amount).toBe(
      '0.000001',
    );
  });

  it('is that of tokens times price', () => {
    const price = fc
      .tuple(fc.nat(999_999), fc.nat(999))
      .map(([whole, part]) => `${whole}.${String(part).padStart(3, '0')}`);
    fc.assert(
      fc.property(price, price, fc.nat(1_000_000), fc.nat(1_000_000), (input, output, inputTokens, outputTokens) => {
        const cost = costOf(agentOf({ own: prices(input, output) }), used({ own: [inputTokens, outputTokens] }));
        const thousandths = (text: string) => BigInt(text.replace('.', ''));
        const expected = BigInt(inputTokens) * thousandths(input) + BigInt(outputTokens) * thousandths(output);
        expect(scaled(cost?.amount ?? '')).toBe(expected);
      }),
      { seed: 3 },
    );
  });
});

/** A decimal in billionths: a price has three digits here, and it is for a million tokens. */
function scaled(amount: string): bigint {
  const [whole = '', fraction = ''] = amount.split('.');
  return BigInt(whole + fraction.padEnd(9, '0'));
}

function prices(inputPerMillion: string, outputPerMillion: string, currency = 'USD'): Prices {
  return { inputPerMillion, outputPerMillion, currency };
}

/** An Agent whose models have these names, the first its own and the others its fallbacks. */
function agentOf(models: Readonly<Record<string, Prices | undefined>>): AgentEntry {
  const settings = Object.entries(models).map(([name, given]) => ({
    provider: 'echo' as const,
    name,
    parameters: {},
    timeoutSeconds: 1,
    maxRetries: 0,
    ...(given === undefined ? {} : { prices: given }),
  }));
  const [own, ...fallbacks] = settings;
  const [agent] = configuration({ agents: [{ name: 'a', model: { ...own, fallbacks } }] }).snapshot.content.agents;
  if (!agent) throw new Error('no agent');
  return agent;
}

function used(models: Readonly<Record<string, readonly [number, number]>>): ReadonlyMap<string, Usage> {
  return new Map(
    Object.entries(models).map(([name, [inputTokens, outputTokens]]) => [name, { inputTokens, outputTokens }]),
  );
}
