import { describe, expect, it } from 'vitest';
import { defaultGatewayConfig, parseGatewayConfig } from '../../../../gateway/config/config-file.ts';

describe('the configuration file', () => {
  it.each(['', '# only a comment\n', '{}'])('%j gives the defaults', (text) => {
    expect(parseGatewayConfig(text, 'gateway.yaml')).toEqual(defaultGatewayConfig);
    expect(defaultGatewayConfig.egress.models.allow).toEqual([]);
  });

  it('gives what it says', () => {
    const text = `
cors: { origins: [https://chat.example.com, "*"] }
egress: { models: { allow: [10.0.0.0/8, "::1/128", "fd00::1", models.internal] } }
limits: { openRequests: 5, drainSeconds: 0 }`;
    expect(parseGatewayConfig(text, 'gateway.yaml')).toMatchObject({
      cors: { origins: ['https://chat.example.com', '*'] },
      egress: { models: { allow: ['10.0.0.0/8', '::1/128', 'fd00::1', 'models.internal'] }, delivery: { allow: [] } },
      limits: { openRequests: 5, drainSeconds: 0 },
    });
  });

  it('takes issuers of tokens, which may call no agent unless it says so', () => {
    const text = `
auth:
  issuers:
    - { issuer: https://login.example.com/, audiences: [talaria] }
    - issuer: kubernetes/serviceaccount
      audiences: [talaria, other]
      jwksURL: https://kubernetes.default.svc/openid/v1/jwks
      agents: ["*", triage, a.b]
      agentsClaim: https://example.com/agents
      role: admin
      caFile: /etc/ca.crt
      tokenFile: /etc/token`;
    const [plain, full] = parseGatewayConfig(text, 'gateway.yaml').auth.issuers;
    expect(plain).toEqual({ issuer: 'https://login.example.com/', audiences: ['talaria'], agents: [], role: 'client' });
    expect(full).toMatchObject({ agents: ['*', 'triage', 'a.b'], role: 'admin', tokenFile: '/etc/token' });
  });

  it.each([
    ['corss: {}', /gateway\.yaml: the file: .*corss/],
    ['cors: { origin: [] }', /cors: .*origin/],
    ['cors: { origins: [chat.example.com] }', /cors\.origins\.0: an origin is scheme/],
    ['cors: { origins: ["https://a.example/path"] }', /cors\.origins\.0/],
    ['egress: { models: { allow: [10.0.0.0/33] } }', /egress\.models\.allow\.0: is neither a network/],
    ['egress: { models: { allow: ["::1/129"] } }', /egress\.models\.allow\.0/],
    ['egress: { models: { allow: ["http://x"] } }', /egress\.models\.allow\.0/],
    ['limits: { openRequests: 0 }', /limits\.openRequests/],
    ['limits: { drainSeconds: 1.5 }', /limits\.drainSeconds/],
    ['auth: { issuer: [] }', /auth: .*issuer/],
    ['auth: { issuers: [{ audiences: [t] }] }', /auth\.issuers\.0\.issuer/],
    ['auth: { issuers: [{ issuer: https://a.example }] }', /auth\.issuers\.0\.audiences/],
    ['auth: { issuers: [{ issuer: https://a.example, audiences: [] }] }', /auth\.issuers\.0\.audiences/],
    ['auth: { issuers: [{ issuer: https://a.example, audiences: [t], agent: [a] }] }', /auth\.issuers\.0: .*agent/],
    ['auth: { issuers: [{ issuer: https://a.example, audiences: [t], agents: [A] }] }', /agents\.0: is neither/],
    ['auth: { issuers: [{ issuer: https://a.example, audiences: [t], role: root }] }', /role/],
    ['auth: { issuers: [{ issuer: "a|b", audiences: [t], jwksURL: https://a.example }] }', /issuer: only visible/],
    ['auth: { issuers: [{ issuer: http://a.example, audiences: [t] }] }', /issuer: without jwksURL, an https URL/],
    ['auth: { issuers: [{ issuer: a, audiences: [t], jwksURL: http://10.0.0.1/keys }] }', /jwksURL: an https URL/],
    ['auth: { issuers: [{ issuer: a, audiences: [t], jwksURL: https://u:p@a.example }] }', /jwksURL: an https URL/],
    ['auth: { issuers: [{ issuer: https://a.example, audiences: [t], tokenFile: /t }] }', /tokenFile: needs jwksURL/],
    ['auth: { issuers: [{ issuer: https://a.example, audiences: [t], caFile: ca.crt }] }', /caFile: an absolute path/],
    ['auth: { issuers: [{ issuer: https://a.example, audiences: [t], ca: x }] }', /ca: is no certificate/],
    [
      'auth: { issuers: [{ issuer: https://a, audiences: [t], caFile: /a, ca: -----BEGIN CERTIFICATE----- }] }',
      /ca: excludes caFile/,
    ],
    [
      'auth: { issuers: [{ issuer: https://a.example, audiences: [t] }, { issuer: https://a.example, audiences: [u] }] }',
      /auth\.issuers: an issuer stands there twice/,
    ],
    ['- a', /the file/],
    ['a: [', /gateway\.yaml: /],
    ['limits: {}\nlimits: {}', /unique/],
  ])('%j is refused by name', (text, message) => {
    expect(() => parseGatewayConfig(text, 'gateway.yaml')).toThrow(message);
  });
});
