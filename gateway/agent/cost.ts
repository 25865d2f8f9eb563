import type { AgentEntry, ModelSettings } from '../../core/snapshot/schema.ts';
import type { Usage } from './models/port.ts';

/** What a turn cost by the prices that its Agent gives; `amount` is a decimal, exact. */
export interface Cost {
  readonly amount: string;
  readonly currency: string;
}

/**
 * The cost of a turn; undefined unless every model that was asked has prices, all in one currency: a sum that leaves a
 * part out would be taken for the whole.
 */
export function costOf(agent: AgentEntry, usageByModel: ReadonlyMap<string, Usage>): Cost | undefined {
  let total = 0n;
  let currency: string | undefined;
  for (const [model, usage] of usageByModel) {
    const prices = pricesOf(agent, model);
    if (prices === undefined || (currency !== undefined && currency !== prices.currency)) return undefined;
    currency = prices.currency;
    total += BigInt(usage.inputTokens) * scaled(prices.inputPerMillion);
    total += BigInt(usage.outputTokens) * scaled(prices.outputPerMillion);
  }
  return currency === undefined ? undefined : { amount: decimal(total, priceDigits + 6), currency };
}

/** Prices have at most nine digits behind the point. */
const priceDigits = 9;

function pricesOf({ model }: AgentEntry, name: string): ModelSettings['prices'] {
  return [model, ...model.fallbacks].find((candidate) => candidate.name === name)?.prices;
}

function scaled(price: string): bigint {
  const [whole = '0', fraction = ''] = price.split('.');
  return BigInt(whole + fraction.padEnd(priceDigits, '0'));
}

function decimal(value: bigint, digits: number): string {
  const text = value.toString().padStart(digits + 1, '0');
  const fraction = text.slice(-digits).replace(/0+$/, '');
  return fraction === '' ? text.slice(0, -digits) : `${text.slice(0, -digits)}.${fraction}`;
}
