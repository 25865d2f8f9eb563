import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { defaultGatewayConfig } from '../../../gateway/config/config-file.ts';
import type { IssuerConfig } from '../../../gateway/config/issuers.ts';
import type { ConfigurationFields } from '../../harness/entries.ts';
import { ask, startTestGateway, type TestGateway } from '../../harness/gateway.ts';
import { type OidcIssuer, startOidcIssuer } from '../../harness/oidc-issuer.ts';
import { waitFor } from '../../harness/wait-for.ts';

let issuer: OidcIssuer;
let gateway: TestGateway;
beforeEach(async () => {
  issuer = await startOidcIssuer();
});
afterEach(async () => {
  await gateway.stop();
  await issuer.stop();
});

const agents = [{ name: 'main', default: true }, { name: 'core', apiKeys: ['key-of-core'] }, { name: 'secret' }];
const byTeam = { match: { expression: 'has(claims.team) && claims.team == "core"' }, to: 'core' };

describe('a bearer token', () => {
  it('calls the agents of its set, and a Route can match its claims', async () => {
    await start({ agents: ['main', 'core'] }, { routes: { teams: [byTeam] } });
    expect(await ask(gateway.url, { key: await issuer.token() })).toMatchObject({ status: 200, agent: 'main' });
    const key = await issuer.token({ team: 'core' });
    expect(await ask(gateway.url, { key })).toMatchObject({ status: 200, agent: 'core' });
    expect(await ask(gateway.url, { key: 'key-of-core' })).toMatchObject({ status: 200, agent: 'core' });
  });

  it('calls no agent outside its set, by whatever way it is chosen', async () => {
    await start({ agents: ['core'] }, { routes: { r: [{ match: { chatId: 'c' }, to: 'secret' }] } });
    const key = await issuer.token({ agents: ['secret', '*'] });
    const refused = { agent: null, status: 404, code: 'model_not_found' };
    expect(await ask(gateway.url, { key, model: 'talaria/secret' })).toMatchObject(refused);
    expect(await ask(gateway.url, { key, model: 'secret' })).toMatchObject(refused);
    const byRule = await ask(gateway.url, { key, headers: { 'x-talaria-chat-id': 'c' } });
    expect(byRule).toMatchObject({ status: 403, code: 'agent_forbidden', agent: null });
    expect(await ask(gateway.url, { key })).toMatchObject({ status: 403, code: 'agent_forbidden', agent: null });
    expect(await ask(gateway.url, { key, model: 'core' })).toMatchObject({ status: 200, agent: 'core' });
    expect(await modelsOf(key)).toEqual(['talaria/core']);
  });

  it('may have more agents by a claim', async () => {
    await start({ agentsClaim: 'agents' });
    expect(await modelsOf(await issuer.token({ agents: 'core secret nobody' }))).toEqual([
      'talaria/core',
      'talaria/secret',
    ]);
    expect(await modelsOf(await issuer.token({ agents: ['*'] }))).toEqual([]);
    expect(await modelsOf(await issuer.token())).toEqual([]);
  });

  it('of the role client may not use the admin API', async () => {
    await start({ agents: ['*'] });
    const get = async (path: string) =>
      fetch(`${gateway.url}${path}`, { headers: { authorization: `Bearer ${await issuer.token()}` } });
    expect((await get('/admin/v1/snapshot')).status).toBe(403);
    expect((await get('/v1/models')).status).toBe(200);
  });

  it('that is wrong is refused with 401, and one that cannot be verified now with 503 that may be repeated', async () => {
    await start({ agents: ['*'] });
    const wrong = await ask(gateway.url, { key: await issuer.token({ aud: 'another' }) });
    expect(wrong).toMatchObject({ status: 401, code: 'invalid_key' });
    expect(wrong.headers.get('www-authenticate')).toBe('Bearer');
    await gateway.stop();
    issuer.behave('fails');
    await start({ agents: ['*'] });
    const unverified = await ask(gateway.url, { key: await issuer.token() });
    expect(unverified).toMatchObject({ status: 503, code: 'state_unavailable' });
    expect(unverified.headers.get('x-should-retry')).toBe('true');
    expect(await ask(gateway.url, { key: 'key-of-core' })).toMatchObject({ status: 200, agent: 'core' });
  });

  it('whose client went away while it was verified starts no turn', async () => {
    await start({ agents: ['*'] });
    issuer.behave('hangs');
    const gone = new AbortController();
    const key = await issuer.token();
    const asked = ask(gateway.url, { key, signal: gone.signal }).catch(() => 'gone');
    await waitFor('the issuer to be asked', () => issuer.lastHeaders().host !== undefined);
    gone.abort();
    expect(await asked).toBe('gone');
    await waitFor('the gateway to notice', async () => (await metrics()).includes('status="499"'));
    issuer.behave('serves');
    expect(await ask(gateway.url, { key })).toMatchObject({ status: 200 });
    expect(await metrics()).toContain('talaria_turns_total{agent="main",outcome="completed"} 1');
  });

  it('is an API key when it is one', async () => {
    const token = await issuer.token();
    await start({ agents: ['*'] }, { gatewayKeys: [{ name: 'odd', key: token, agents: ['core'] }] });
    expect(await modelsOf(token)).toEqual(['talaria/core']);
    expect(issuer.fetches()).toBe(0);
  });
});

describe('without any API key', () => {
  const keyless = [{ name: 'main', default: true }];

  it('a token is enough, and everything else an invalid key', async () => {
    await start({ agents: ['*'] }, { agents: keyless });
    expect(await ask(gateway.url, { key: await issuer.token() })).toMatchObject({ status: 200, agent: 'main' });
    for (const key of [undefined, 'nothing', 'eyJ', 'a.b.c']) {
      const answer = await ask(gateway.url, key === undefined ? {} : { key });
      expect(answer).toMatchObject({ status: 401, code: 'invalid_key' });
    }
  });

  it('and without an issuer even a token is told that there is none', async () => {
    gateway = await startTestGateway({ serves: { agents: keyless } });
    expect(await ask(gateway.url, { key: await issuer.token() })).toMatchObject({ code: 'no_keys_configured' });
  });

  it('standalone mode serves what comes without a key, and still refuses a wrong token', async () => {
    await start({ agents: ['*'] }, { agents: keyless }, true);
    expect(await ask(gateway.url)).toMatchObject({ status: 200, agent: 'main' });
    expect(await ask(gateway.url, { key: await issuer.token({ aud: 'x' }) })).toMatchObject({ code: 'invalid_key' });
  });
});

async function start(fields: Partial<IssuerConfig>, serves: ConfigurationFields = {}, standalone = false) {
  const auth = { ...defaultGatewayConfig.auth, issuers: [issuer.config(fields)] };
  gateway = await startTestGateway({ serves: { agents, ...serves }, config: { auth }, standalone });
}

async function metrics(): Promise<string> {
  return (await fetch(`${gateway.url}/metrics`)).text();
}

async function modelsOf(key: string): Promise<readonly string[]> {
  const response = await fetch(`${gateway.url}/v1/models`, { headers: { authorization: `Bearer ${key}` } });
  const { data } = (await response.json()) as { readonly data: readonly { readonly id: string }[] };
  return data.map(({ id }) => id);
}
