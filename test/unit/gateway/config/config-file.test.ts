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
    ['- a', /the file/],
    ['a: [', /gateway\.yaml: /],
    ['limits: {}\nlimits: {}', /unique/],
  ])('%j is refused by name', (text, message) => {
    expect(() => parseGatewayConfig(text, 'gateway.yaml')).toThrow(message);
  });
});
