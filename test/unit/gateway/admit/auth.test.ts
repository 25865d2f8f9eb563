import { describe, expect, it } from 'vitest';
import { TalariaError } from '../../../../core/lib/errors.ts';
import { authenticate, localPrincipal, requireAdmin } from '../../../../gateway/admit/auth.ts';
import { buildTable } from '../../../../gateway/config/table.ts';
import { type ConfigurationFields, configuration } from '../../../harness/entries.ts';

const tableOf = (fields: ConfigurationFields) => buildTable(configuration(fields));

describe('keys', () => {
  it('an Agent’s key calls that Agent only', async () => {
    const table = await tableOf({ agents: [{ name: 'a', apiKeys: ['one', 'two'] }, { name: 'b' }] });
    expect(authenticate('Bearer two', table, { keyless: false })).toEqual({
      id: 'agent-key:a/key1',
      role: 'client',
      agents: ['a'],
      ownAgent: 'a',
    });
  });

  it('both keys of a rotation speak for the same principal', async () => {
    const { snapshot, credentials } = configuration({ agents: [{ name: 'a', apiKeys: ['new', 'old'] }] });
    const [agent] = snapshot.content.agents;
    const rotated = { ...agent, keys: [{ name: 'main', deliver: false, credentials: ['a.key0.v1', 'a.key1.v1'] }] };
    const content = { ...snapshot.content, agents: [rotated] } as typeof snapshot.content;
    const table = await buildTable({ snapshot: { ...snapshot, content }, credentials });
    expect(authenticate('Bearer old', table, { keyless: false })).toEqual(
      authenticate('Bearer new', table, { keyless: false }),
    );
  });

  it('one key on two Agents may call both, and the first by name gives the principal', async () => {
    const table = await tableOf({
      agents: [
        { name: 'a', apiKeys: ['k'] },
        { name: 'b', apiKeys: ['k'] },
      ],
    });
    expect(authenticate('Bearer k', table, { keyless: false })).toMatchObject({
      id: 'agent-key:a/key0',
      agents: ['a', 'b'],
    });
  });

  it('one key on two Agents has the strictest of each bound', async () => {
    const table = await tableOf({
      agents: [
        { name: 'a', apiKeys: [{ key: 'k', limits: { requestsPerMinute: 60 } }] },
        { name: 'b', apiKeys: [{ key: 'k', limits: { requestsPerMinute: 30, tokensPerDay: 1_000 } }] },
        { name: 'c', apiKeys: ['k', 'free'] },
      ],
    });
    const limits = { requestsPerMinute: 30, tokensPerDay: 1_000 };
    expect(authenticate('Bearer k', table, { keyless: false })).toMatchObject({ id: 'agent-key:a/key0', limits });
    expect(authenticate('Bearer free', table, { keyless: false })).not.toHaveProperty('limits');
  });

  it('a gateway key has its own agents, role and name', async () => {
    const table = await tableOf({
      agents: [{ name: 'a' }],
      gatewayKeys: [{ name: 'team', key: 'k', agents: ['a'], role: 'admin' }],
    });
    expect(authenticate('bearer k', table, { keyless: false })).toEqual({
      id: 'gateway-key:team',
      role: 'admin',
      agents: ['a'],
      keyName: 'team',
    });
  });

  it('a key whose value is gone is no key', async () => {
    const { snapshot } = configuration({ agents: [{ name: 'a', apiKeys: ['k'] }] });
    const table = await buildTable({ snapshot, credentials: new Map() });
    expect(codeOf(() => authenticate('Bearer k', table, { keyless: false }))).toBe('no_keys_configured');
  });

  it.each([
    ['none', undefined],
    ['a wrong one', 'Bearer nope'],
    ['an empty one', 'Bearer '],
    ['another scheme', 'Basic a2V5'],
    ['one beyond ASCII', 'Bearer schl\xfcssel'],
    ['two words', 'Bearer key key'],
    ['the hash of a key', 'Bearer 2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683'],
  ])('%s is refused with invalid_key', async (_what, authorization) => {
    const table = await tableOf({ agents: [{ name: 'a', apiKeys: ['key', 'schl\xfcssel'] }] });
    expect(codeOf(() => authenticate(authorization, table, { keyless: false }))).toBe('invalid_key');
  });

  it('without any key in the snapshot every call is refused with no_keys_configured', async () => {
    const table = await tableOf({ agents: [{ name: 'a' }] });
    expect(codeOf(() => authenticate(undefined, table, { keyless: false }))).toBe('no_keys_configured');
    expect(codeOf(() => authenticate('Bearer k', table, { keyless: false }))).toBe('no_keys_configured');
  });
});

describe('standalone mode', () => {
  it('needs no key, and takes any while none is configured', async () => {
    const table = await tableOf({ agents: [{ name: 'a' }] });
    expect(authenticate(undefined, table, { keyless: true })).toBe(localPrincipal);
    expect(authenticate('Bearer sk-anything', table, { keyless: true })).toBe(localPrincipal);
  });

  it('takes a key that is configured, and refuses a wrong one', async () => {
    const table = await tableOf({ agents: [{ name: 'a', apiKeys: ['k'] }] });
    expect(authenticate('Bearer k', table, { keyless: true })).toMatchObject({ id: 'agent-key:a/key0' });
    expect(codeOf(() => authenticate('Bearer x', table, { keyless: true }))).toBe('invalid_key');
    expect(authenticate(undefined, table, { keyless: true })).toBe(localPrincipal);
  });
});

it('the admin API takes admin keys only', () => {
  expect(codeOf(() => requireAdmin({ id: 'x', role: 'client', agents: '*' }))).toBe('admin_required');
  expect(codeOf(() => requireAdmin({ id: 'x', role: 'admin', agents: [] }))).toBeUndefined();
});

function codeOf(call: () => unknown): string | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    return error instanceof TalariaError ? error.code : String(error);
  }
}
