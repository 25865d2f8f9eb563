import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { verdict } from '../../../crds/verdict.ts';

const apiVersion = 'talaria.dev/v1alpha1';
const metadata = { name: 'a' };
const match = (fields: object) => ({
  apiVersion,
  kind: 'Route',
  metadata,
  spec: { rules: [{ name: 'a', matches: [fields], agentRefs: [{ name: 'a' }] }] },
});
const job = (fields: object) => ({
  apiVersion,
  kind: 'CronJob',
  metadata,
  spec: { agentRef: { name: 'a' }, prompt: { inline: 'x' }, ...fields },
});
const agent = (spec: object) => ({ apiVersion, kind: 'Agent', metadata, spec });

describe('what a person reads', () => {
  it.each([
    ['a misspelt field', match({ chatID: 'a' }), 'unknown field "chatID"', 'did you mean chatId?'],
    [
      'a field like no other',
      match({ q: 'a' }),
      'unknown field "q"',
      /^the fields here are platform, account, chatId,/,
    ],
    [
      'a large id',
      match({ userId: 12345678901234567890n }),
      'a text is needed, got the number 12345678901234567890 without quotes',
      'quote it: "12345678901234567890"',
    ],
    [
      'an id that reads as true',
      match({ userId: true }),
      'a text is needed, got true without quotes',
      'quote it: "true"',
    ],
    [
      'a misspelt word',
      match({ platform: 'telegramm' }),
      /^the value must be one of api, .*, got "telegramm"$/,
      'did you mean telegram?',
    ],
    [
      'a number in quotes',
      job({ schedule: '@daily', timeoutSeconds: '60' }),
      'a number is needed, got "60"',
      'remove the quotes',
    ],
    [
      'a number out of bounds',
      job({ schedule: '@daily', timeoutSeconds: 0 }),
      'the value must be at least 1, got the number 0',
      '',
    ],
    ['a missing field', agent({ model: { provider: 'echo' } }), 'the field is required', 'set it'],
    [
      'the syntax of another cron',
      job({ schedule: '0 0 L * *' }),
      'schedule "0 0 L * *": day of month "L": L (last) is not supported',
      'name the days',
    ],
    [
      'a zone in capitals',
      job({ schedule: '@daily', timeZone: 'EUROPE/BERLIN' }),
      'timeZone "EUROPE/BERLIN" is not known',
      'use an IANA name such as Europe/Berlin',
    ],
    [
      'a day that never comes',
      job({ schedule: '0 0 31 2 *' }),
      'schedule "0 0 31 2 *" names a day that never comes',
      'correct day or month',
    ],
    ['a variable that nobody knows', match({ expression: 'chatid == ""' }), /unknown variable chatid.*chatId/, ''],
    [
      'a list with an entry twice',
      agent({ tools: { builtin: ['files', 'files'] } }),
      '"files" is in the list twice',
      'remove or rename one of them',
    ],
  ])('%s', async (_, document, message, cure) => {
    const [problem] = (await verdict(document)).problems;
    expect(problem?.message).toEqual(typeof message === 'string' ? message : expect.stringMatching(message));
    expect(problem?.cure).toEqual(typeof cure === 'string' ? cure : expect.stringMatching(cure));
  });

  it('a password in an address is not repeated', async () => {
    const baseURL = 'https://me:hunter2@models.example.com/';
    const { problems } = await verdict(agent({ model: { provider: 'openai-compatible', name: 'x', baseURL } }));
    expect(problems).toHaveLength(1);
    expect(JSON.stringify(problems)).not.toContain('hunter2');
  });

  it('a key in the place of its reference is not repeated', async () => {
    const apiKeySecretRef = { name: 'sk-Proj_hunter2' };
    const { problems } = await verdict(agent({ model: { provider: 'openai', name: 'x', apiKeySecretRef } }));
    expect(problems.map(({ path }) => path)).toEqual(['spec.model.apiKeySecretRef.name']);
    expect(JSON.stringify(problems)).not.toContain('hunter2');
  });

  it('several problems are told at once, with their fields', async () => {
    const { problems } = await verdict(match({ chatID: 'a', userId: 1, platform: 'x' }));
    expect(problems.map(({ path }) => path)).toEqual([
      'spec.rules[0].matches[0].chatID',
      'spec.rules[0].matches[0].platform',
      'spec.rules[0].matches[0].userId',
    ]);
  });
});

describe('documents that are no Agent, Route or CronJob', () => {
  it.each([
    ['a text', 'hello', '', 'the document is not an object'],
    ['a list', [], '', 'the document is not an object'],
    ['an object without a version', { kind: 'Agent' }, 'apiVersion', /got nothing$/],
    ['another version', { apiVersion: 'talaria.dev/v1', kind: 'Agent' }, 'apiVersion', /got "talaria.dev\/v1"$/],
    ['a misspelt kind', { apiVersion, kind: 'Agents' }, 'kind', /got "Agents"$/],
  ])('%s is refused', async (_, document, path, message) => {
    const { verdict: outcome, problems } = await verdict(document);
    expect(outcome).toBe('Refused');
    expect(problems).toEqual([expect.objectContaining({ path, message: expect.stringMatching(message) })]);
  });

  it('a misspelt kind gets the right one as the cure', async () => {
    expect((await verdict({ apiVersion, kind: 'Agents' })).problems[0]?.cure).toBe('did you mean Agent?');
  });
});

it('any document at all gets a verdict', async () => {
  const kind = fc.constantFrom('Agent', 'Route', 'CronJob');
  const documents = fc.oneof(
    fc.jsonValue(),
    fc.record({ apiVersion: fc.constant(apiVersion), kind, metadata: fc.jsonValue(), spec: fc.jsonValue() }),
  );
  await fc.assert(
    fc.asyncProperty(documents, fc.jsonValue(), async (document, old) => {
      const { verdict: outcome, problems } = await verdict(document, old);
      return outcome === 'Accepted' ? problems.length === 0 : problems.length > 0;
    }),
    { numRuns: 500, seed: 20261121 },
  );
});

describe('the object of a manifest', () => {
  it('has every default', async () => {
    const { object } = await verdict(job({ schedule: '@daily', deliver: [{ name: 'log', log: true }] }));
    expect(object?.spec).toMatchObject({
      timeZone: 'UTC',
      concurrencyPolicy: 'Forbid',
      catchUp: { policy: 'Latest', maxRuns: 10 },
      deliver: [{ expireAfterSeconds: 3600 }],
      contextFrom: [],
      silence: { marker: '[SILENT]' },
    });
    expect(object?.status.observedGeneration).toBe(-1);
  });

  it('is there when it is not accepted, and absent when it is refused', async () => {
    expect((await verdict(job({ schedule: '0 0 31 2 *' }))).object?.kind).toBe('CronJob');
    expect((await verdict(job({}))).object).toBeUndefined();
  });
});
