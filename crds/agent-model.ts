import { secretKeyReference } from './common.ts';
import { atomicList, choice, decimal, fields, httpURL, integer, patterned, text } from './field.ts';

const decimalText = (description: string) =>
  patterned(/^[0-9]{1,9}(\.[0-9]{1,9})?$/, 32, 'must be a decimal number in quotes, such as "2.50"', description);

const parameters = fields(
  {
    temperature: decimal(0, 2, 'Sampling temperature; anthropic takes 1 at most.').optional(),
    topP: decimal(0, 1, 'Nucleus sampling: the share of probability that is considered.').optional(),
    maxOutputTokens: integer(1, 10_000_000, 'The longest answer, in tokens.').optional(),
    stop: atomicList(text(256, 'One text that ends the answer.'), { max: 8 }, 'Texts that end the answer.').optional(),
    seed: integer(
      Number.MIN_SAFE_INTEGER,
      Number.MAX_SAFE_INTEGER,
      'Asks the provider for repeatable sampling; anthropic has no such thing and is not asked.',
    ).optional(),
    reasoningEffort: choice(
      ['none', 'minimal', 'low', 'medium', 'high', 'xhigh'],
      'How much the model thinks before it answers, in the words of the providers.',
    ).optional(),
    extra: text(
      4096,
      'One JSON object as text, at most 4 KiB, merged into the body of every request to the provider, for parameters that have no field here.',
    ).optional(),
  },
  'Parameters of every request to the model. What is absent is left to the provider.',
);

const prices = fields(
  {
    inputPerMillion: decimalText('Price of a million input tokens, as a decimal in quotes.'),
    outputPerMillion: decimalText('Price of a million output tokens, as a decimal in quotes.'),
    currency: patterned(
      /^[A-Z]{3}$/,
      3,
      'must be three capital letters, such as USD',
      'ISO 4217 code of the currency.',
    ).default('USD'),
  },
  'What the model costs, for reports.',
);

const settings = {
  provider: choice(
    ['openai', 'anthropic', 'openai-compatible', 'echo'],
    'Who serves the model. openai-compatible is any server with the wire format of OpenAI, at baseURL; echo answers with what it was asked.',
  ),
  name: text(256, 'Name of the model, as the provider knows it.'),
  baseURL: httpURL(
    'Address of the provider, up to and without /chat/completions, or /messages for anthropic. Required for openai-compatible; the provider itself by default.',
  ).optional(),
  apiKeySecretRef: secretKeyReference(
    'The API key, sent to this provider only. Required for openai and anthropic.',
  ).optional(),
  parameters: parameters.prefault({}),
  timeoutSeconds: integer(1, 3600, 'The longest wait for one call of the model, to its last byte.').default(300),
  maxRetries: integer(0, 10, 'How often a call is repeated that failed before its first token.').default(2),
  prices: prices.optional(),
};

/** `spec.model` of an Agent. */
export const model = fields(
  {
    ...settings,
    fallbacks: atomicList(
      fields(settings, 'One model. It brings its own key.'),
      { max: 4 },
      'Models that are asked, in this order, when the one before failed before its first token.',
    ).default([]),
  },
  'The model that answers. The default is echo, which answers with what it was asked.',
);
