import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import type { JWTPayload } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../../../../core/lib/clock.ts';
import { TalariaError } from '../../../../../core/lib/errors.ts';
import { createLogger } from '../../../../../core/lib/log.ts';
import { mayCall } from '../../../../../core/route/principal.ts';
import { agentsOf } from '../../../../../gateway/admit/tokens/agents-of.ts';
import { createTokens, type Tokens } from '../../../../../gateway/admit/tokens/tokens.ts';
import type { IssuerConfig } from '../../../../../gateway/config/issuers.ts';
import { type OidcIssuer, startOidcIssuer } from '../../../../harness/oidc-issuer.ts';
import { waitFor } from '../../../../harness/wait-for.ts';

const log = createLogger('test', 'silent');
let issuer: OidcIssuer;
const started: OidcIssuer[] = [];
beforeEach(async () => {
  issuer = await another();
});
afterEach(() => Promise.all(started.splice(0).map((each) => each.stop())));

describe('a token of a configured issuer', () => {
  it.each(['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'])('signed by %s is accepted', async (alg) => {
    const signing = await another(alg);
    const { tokens } = verifier([signing.config({ agents: ['triage'] })]);
    const { principal, claims } = await tokens.verify(await signing.token({ team: 'core' }));
    expect(principal).toEqual({ id: `token:${signing.url}|ada`, role: 'client', agents: ['triage'] });
    expect(claims).toMatchObject({ team: 'core', sub: 'ada' });
  });

  it('has the role that the configuration gives', async () => {
    const { tokens } = verifier([issuer.config({ role: 'admin', agents: ['*'] })]);
    const { principal } = await tokens.verify(await issuer.token({ role: 'client' }));
    expect(principal).toMatchObject({ role: 'admin', agents: '*' });
  });

  it('may be for several audiences, and names no key while it could be of any', async () => {
    await issuer.rotate();
    const { tokens } = verifier([issuer.config({ audiences: ['other', 'talaria'] })]);
    const token = await issuer.token({ aud: ['x', 'talaria'] }, { kid: undefined, typ: 'at+JWT' });
    expect((await tokens.verify(token)).principal.id).toBe(`token:${issuer.url}|ada`);
  });
});

describe('is refused with invalid_key', () => {
  const minute = 60;
  const cases: readonly (readonly [string, JWTPayload, string])[] = [
    ['another audience', { aud: 'talaria2' }, 'another audience (`aud`)'],
    ['an audience that begins alike', { aud: ['talaria/', 'Talaria'] }, 'another audience'],
    ['no audience', { aud: undefined } as unknown as JWTPayload, 'no claim `aud`'],
    ['another issuer', { iss: 'https://elsewhere.example.com' }, 'issuer (`iss`)'],
    ['no issuer', { iss: undefined } as unknown as JWTPayload, 'issuer (`iss`)'],
    ['an issuer with one more slash', { iss: 'SLASH' }, 'issuer (`iss`)'],
    ['an expired one', { exp: now() - minute }, 'expired'],
    ['one without end', { exp: undefined } as unknown as JWTPayload, 'no claim `exp`'],
    ['one that begins later', { nbf: now() + 2 * minute }, 'not in force yet'],
    ['no subject', { sub: undefined } as unknown as JWTPayload, 'no claim `sub`'],
    ['an empty subject', { sub: '' }, 'subject (`sub`)'],
    ['a subject with NUL', { sub: 'a\0b' }, 'subject (`sub`)'],
    ['half a character as subject', { sub: '\ud800' }, 'subject (`sub`)'],
    ['a long subject', { sub: 'ü'.repeat(201) }, 'subject (`sub`)'],
    ['a number as subject', { sub: 7 as unknown as string }, 'subject (`sub`)'],
  ];
  it.each(cases)('%s', async (_what, claims, message) => {
    const { tokens } = verifier([issuer.config()]);
    const token = await issuer.token(claims.iss === 'SLASH' ? { iss: `${issuer.url}/` } : claims);
    const error = await refusal(tokens, token);
    expect(error).toMatchObject({ code: 'invalid_key', message: expect.stringContaining(message) });
    expect(token.split('.').some((part) => error.message.includes(part))).toBe(false);
  });

  it('alg none', async () => {
    const { tokens } = verifier([issuer.config()]);
    const [, payload] = (await issuer.token()).split('.');
    const header = encode({ alg: 'none' });
    for (const token of [`${header}.${payload}.`, `${header}.${payload}.AAAA`]) {
      expect((await refusal(tokens, token)).message).toContain('`alg`');
    }
  });

  it('HS256 with the public key as its secret', async () => {
    const { tokens } = verifier([issuer.config()]);
    const [, payload] = (await issuer.token()).split('.');
    const head = `${encode({ alg: 'HS256', kid: 'key-1' })}.${payload}`;
    const secret = JSON.stringify(issuer.published[0]);
    const token = `${head}.${createHmac('sha256', secret).update(head).digest('base64url')}`;
    expect(await refusal(tokens, token)).toMatchObject({ code: 'invalid_key' });
  });

  it('a symmetric key that the issuer published by mistake', async () => {
    const secret = Buffer.alloc(32, 7);
    issuer.published.push({ kty: 'oct', k: secret.toString('base64url'), kid: 'secret', alg: 'HS256' });
    const { tokens } = verifier([issuer.config()]);
    const [, payload] = (await issuer.token()).split('.');
    const head = `${encode({ alg: 'HS256', kid: 'secret' })}.${payload}`;
    const token = `${head}.${createHmac('sha256', secret).update(head).digest('base64url')}`;
    expect(await refusal(tokens, token)).toMatchObject({ code: 'invalid_key' });
    expect((await tokens.verify(await issuer.token())).principal.id).toContain('|ada');
  });

  it('a payload that was changed, and a signature that was cut', async () => {
    const { tokens } = verifier([issuer.config()]);
    const [header, , signature] = (await issuer.token()).split('.');
    const payload = encode({ iss: issuer.url, sub: 'root', aud: 'talaria', exp: now() + 300 });
    expect((await refusal(tokens, `${header}.${payload}.${signature}`)).message).toContain('signature');
    expect((await refusal(tokens, `${header}.${payload}.`)).message).toContain('signature');
  });

  it('a logout token', async () => {
    const { tokens } = verifier([issuer.config()]);
    expect((await refusal(tokens, await issuer.token({}, { typ: 'logout+jwt' }))).message).toContain('`typ`');
  });

  it.each(['eyJ.eyJ.x', 'eyJhIjoxfQ.W10.x', 'eyJhIjoxfQ.eyJpc3MiOjF9.x'])(
    'what only looks like one: %s',
    async (token) => {
      const { tokens } = verifier([issuer.config()]);
      expect(await refusal(tokens, token)).toMatchObject({ code: 'invalid_key' });
    },
  );
});

describe('two issuers', () => {
  it('cannot sign for each other', async () => {
    const other = await another();
    const { tokens } = verifier([issuer.config(), other.config()]);
    for (const [signer, claimed] of [
      [issuer, other],
      [other, issuer],
    ] as const) {
      const error = await refusal(tokens, await signer.token({ iss: claimed.url }));
      expect(error).toMatchObject({ code: 'invalid_key', message: expect.stringContaining('signature') });
    }
  });

  it('do not share their subjects', async () => {
    const other = await another();
    const { tokens } = verifier([issuer.config(), other.config()]);
    const ids = await Promise.all(
      [issuer, other].map(async (each) => (await tokens.verify(await each.token())).principal.id),
    );
    expect(new Set(ids).size).toBe(2);
  });

  it('one being away does not touch the other', async () => {
    const other = await another();
    other.behave('hangs');
    const { tokens } = verifier([issuer.config(), other.config()]);
    const hanging = refusal(tokens, await other.token());
    expect((await tokens.verify(await issuer.token())).principal.id).toContain(issuer.url);
    other.behave('fails');
    expect(await hanging).toMatchObject({ code: 'state_unavailable' });
  });
});

describe('the keys of an issuer', () => {
  it('are fetched once for many tokens at once', async () => {
    const { tokens } = verifier([issuer.config()]);
    const all = await Promise.all(Array.from({ length: 20 }, (_, at) => issuer.token({ sub: `user-${at}` })));
    await Promise.all(all.map((token) => tokens.verify(token)));
    expect(issuer.fetches()).toBe(1);
  });

  it('are fetched again when a token names a new one, and not more often than that', async () => {
    const { tokens, clock } = verifier([issuer.config()]);
    await tokens.verify(await issuer.token());
    await issuer.rotate();
    clock.advance(10_000);
    expect((await tokens.verify(await issuer.token())).principal.id).toContain('|ada');
    const unknown = await Promise.all(Array.from({ length: 20 }, () => issuer.token({}, { kid: 'nobody' })));
    for (const token of unknown) expect((await refusal(tokens, token)).message).toContain('`kid`');
    expect(issuer.fetches()).toBe(2);
  });

  it('that were taken back are not accepted any more once they are fetched anew', async () => {
    const { tokens, clock } = verifier([issuer.config()]);
    const token = await issuer.token();
    await tokens.verify(token);
    issuer.published.length = 0;
    await issuer.rotate('ES256', 'another');
    clock.advance(2 * 3_600_000, { wall: 61_000 });
    expect(await refusal(tokens, token)).toMatchObject({ code: 'invalid_key' });
  });

  it.each(['fails', 'redirects', 'sends garbage', 'sends endlessly'] as const)(
    'cannot be had when its server %s: state_unavailable, and they are there when it is well again',
    async (mood) => {
      issuer.behave(mood);
      const { tokens, clock } = verifier([issuer.config()]);
      const token = await issuer.token();
      expect(await refusal(tokens, token)).toMatchObject({ code: 'state_unavailable' });
      issuer.behave('serves');
      expect(await refusal(tokens, token)).toMatchObject({ code: 'state_unavailable' });
      clock.advance(2_000);
      expect((await tokens.verify(token)).principal.id).toContain('|ada');
    },
  );

  it.each(['fails', 'redirects', 'sends garbage', 'sends endlessly'] as const)(
    'that are there go on to serve while its server %s',
    async (mood) => {
      const { tokens, clock } = verifier([issuer.config()]);
      await tokens.verify(await issuer.token());
      issuer.behave(mood);
      for (const later of [11 * 60_000, 2 * 3_600_000, 24 * 3_600_000]) {
        clock.advance(later, { wall: 0 });
        expect((await tokens.verify(await issuer.token({ jti: `${later}` }))).principal.id).toContain('|ada');
      }
      expect(await refusal(tokens, await issuer.token({}, { kid: 'new' }))).toMatchObject({
        code: 'state_unavailable',
      });
    },
  );

  it('that are old serve while they are fetched anew, however long that takes', async () => {
    const { tokens, clock } = verifier([issuer.config()]);
    await tokens.verify(await issuer.token());
    clock.advance(11 * 60_000, { wall: 0 });
    issuer.behave('hangs');
    expect((await tokens.verify(await issuer.token({ jti: '2' }))).principal.id).toContain('|ada');
    expect(issuer.fetches()).toBe(1);
    issuer.behave('serves');
    await waitFor('the second fetch', () => issuer.fetches() === 2);
  });

  it('are not taken from a discovery of another issuer, nor from a jwks_uri that anybody on the way can change', async () => {
    for (const lie of [{ issuer: 'https://elsewhere.example.com' }, { jwks_uri: 'http://keys.example.com/' }]) {
      Object.assign(issuer.discovery, { issuer: issuer.url, jwks_uri: `${issuer.url}/jwks`, ...lie });
      const { tokens } = verifier([issuer.config()]);
      expect(await refusal(tokens, await issuer.token())).toMatchObject({ code: 'state_unavailable' });
    }
    expect(issuer.fetches()).toBe(0);
  });

  it('that do not come within the deadline cannot be had', async () => {
    issuer.behave('hangs');
    const { tokens } = verifier([issuer.config()]);
    expect(await refusal(tokens, await issuer.token())).toMatchObject({ code: 'state_unavailable' });
  });

  it('come from jwksURL without discovery', async () => {
    issuer.discovery.issuer = 'https://elsewhere.example.com';
    const { tokens } = verifier([issuer.config({ jwksURL: `${issuer.url}/jwks` })]);
    expect((await tokens.verify(await issuer.token())).principal.id).toContain('|ada');
    expect(issuer.lastHeaders().authorization).toBeUndefined();
  });
});

describe('a verified token', () => {
  it('is not verified again within a minute, and never believed beyond its end', async () => {
    const { tokens, clock } = verifier([issuer.config()]);
    const token = await issuer.token({ exp: now() + 45 });
    const first = await tokens.verify(token);
    expect(await tokens.verify(token)).toBe(first);
    clock.advance(80_000);
    expect((await refusal(tokens, token)).message).toContain('expired');
  });

  it('is one of the newest thousand that are remembered', async () => {
    const { tokens } = verifier([issuer.config()]);
    const token = await issuer.token();
    const first = await tokens.verify(token);
    for (let count = 1; count < 1_000; count += 1) await tokens.verify(await issuer.token({ jti: `${count}` }));
    expect(await tokens.verify(token)).toBe(first);
    await tokens.verify(await issuer.token({ jti: 'one more' }));
    expect(await tokens.verify(token)).not.toBe(first);
  });

  it('is verified again after a minute', async () => {
    const { tokens, clock } = verifier([issuer.config()]);
    const token = await issuer.token();
    const first = await tokens.verify(token);
    clock.advance(60_000);
    const second = await tokens.verify(token);
    expect(second).not.toBe(first);
    expect(second).toEqual(first);
  });
});

describe('the agents of a token', () => {
  it.each([
    [
      ['b', 'c'],
      ['a', 'b', 'c'],
    ],
    ['b  c', ['a', 'b', 'c']],
    ['', ['a']],
    ['*', ['a', '*']],
    [['b', 7], ['a']],
    [{ b: true }, ['a']],
    [null, ['a']],
    [undefined, ['a']],
  ] as const)('with the claim %j are %j', (claim, agents) => {
    expect(agentsOf({ agents: ['a'], agentsClaim: 'agents' }, { agents: claim })).toEqual(agents);
  });

  it('are never more than configuration and claim name, whatever the claim is', () => {
    const name = fc.constantFrom('a', 'b', 'c', '*', '', ' ', '__proto__', 'toString');
    const claim = fc.oneof(
      fc.array(name),
      fc.string(),
      fc.array(name).map((all) => all.join(' ')),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(fc.subarray(['a', 'b']), fc.option(name), claim, (agents, agentsClaim, value) => {
        const config = { agents, ...(agentsClaim === null ? {} : { agentsClaim }) };
        const claims = { agents: value, a: value };
        const principal = { id: 'x', role: 'client', agents: agentsOf(config, claims) } as const;
        const named = new Set([...agents, ...(agentsClaim === 'a' ? plainNames(value) : [])]);
        expect(principal.agents).not.toBe('*');
        for (const agent of ['a', 'b', 'c', 'd']) expect(mayCall(principal, agent)).toBe(named.has(agent));
      }),
    );
  });
});

function plainNames(value: unknown): readonly unknown[] {
  if (typeof value === 'string') return value.split(' ');
  return Array.isArray(value) && value.every((each) => typeof each === 'string') ? value : [];
}

interface MovableClock extends Clock {
  /** `wall` is what the clock on the wall moves by, if it is something else. */
  readonly advance: (ms: number, options?: { readonly wall?: number }) => void;
}

function verifier(issuers: readonly IssuerConfig[]): { readonly tokens: Tokens; readonly clock: MovableClock } {
  let moved = 0;
  let wall = 0;
  const clock: MovableClock = {
    now: () => Date.now() + wall,
    monotonic: () => performance.now() + moved,
    advance: (ms, options) => {
      moved += ms;
      wall += options?.wall ?? ms;
    },
  };
  const tokens = createTokens({ issuers, clock, log });
  if (!tokens) throw new Error('no issuer is configured');
  return { tokens, clock };
}

async function another(alg?: string): Promise<OidcIssuer> {
  const next = await startOidcIssuer(alg);
  started.push(next);
  return next;
}

async function refusal(tokens: Tokens, token: string): Promise<TalariaError> {
  const error = await tokens.verify(token).catch((failure: unknown) => failure);
  if (error instanceof TalariaError) return error;
  throw new Error('the token was not refused', { cause: error });
}

function now(): number {
  return Math.floor(Date.now() / 1_000);
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
