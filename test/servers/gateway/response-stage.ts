import OpenAI from 'openai';
import type { ConfigurationFields } from '../../harness/entries.ts';
import type { TestGateway } from '../../harness/gateway.ts';
import { remote, startOnStage } from './stage.ts';

/** Starts a gateway of one Agent, `main`, whose key is `ada`. */
export const start = async (fields: Partial<ConfigurationFields> = {}) => {
  const serves = {
    agents: [{ name: 'main', default: true, instructions: 'Be brief.', model: remote() }],
    gatewayKeys: [{ name: 'ada', key: 'ada' }],
    ...fields,
  };
  return await startOnStage({ serves });
};
/** The official SDK as a client of this gateway. */
export const sdkOf = (gateway: TestGateway, key = 'ada') =>
  new OpenAI({ apiKey: key, baseURL: `${gateway.url}/v1`, maxRetries: 0 });

/** A function of the client. */
export const weather = {
  type: 'function',
  name: 'weather',
  description: 'The weather of a city.',
  parameters: { type: 'object', properties: { city: { type: 'string' } } },
  strict: false,
} as const;
