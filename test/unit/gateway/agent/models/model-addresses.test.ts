import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { deadline } from '../../../../../core/lib/deadline.ts';
import { createModels, type Models } from '../../../../../gateway/agent/models/models.ts';
import type { ModelCall } from '../../../../../gateway/agent/models/port.ts';
import { createEgressPolicy } from '../../../../../gateway/egress.ts';
import { configuration } from '../../../../harness/entries.ts';

let server: Server;
let port: number;
let moved: string;
/** The path and key of each request that came. */
let reached: string[] = [];
let models: Models;

beforeAll(async () => {
  server = createServer((request, response) => {
    reached.push(`${request.url} ${request.headers.authorization ?? request.headers['x-api-key'] ?? ''}`);
    response.writeHead(307, { location: moved, connection: 'close' }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
  moved = `http://127.0.0.1:${port}/moved`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));
beforeEach(() => {
  reached = [];
});
afterEach(() => models.stop());

const providers = ['openai-compatible', 'anthropic'] as const;

describe.each(providers)('a model of the provider %s', (provider) => {
  it.each([
    ['127.0.0.1', 'loopback'],
    ['localhost', 'loopback'],
    ['2130706433', 'loopback'],
    ['0x7f.1', 'loopback'],
    ['0177.0.0.1', 'loopback'],
    ['127.1', 'loopback'],
    ['0', 'loopback'],
    ['[::1]', 'loopback'],
    ['[::ffff:127.0.0.1]', 'loopback'],
    ['[64:ff9b::7f00:1]', 'loopback'],
    ['2852039166', 'metadata'],
    ['[fd00:ec2::254]', 'metadata'],
    ['169.254.7.7', 'link-local'],
  ])('at %s is refused as %s before anything is sent', async (host, what) => {
    await expect(ask(provider, `http://${host}:${port}/v1`, [])).rejects.toThrow(`a ${what} address`);
    expect(reached).toEqual([]);
  });

  it('that redirects is not followed, so its key goes nowhere else', async () => {
    await expect(ask(provider, `http://127.0.0.1:${port}/v1`, ['127.0.0.1'])).rejects.toThrow(/307/);
    expect(reached).toHaveLength(1);
    expect(reached[0]).toMatch(/^\/v1\/\S+ (Bearer )?sk-own$/);
  });
});

async function ask(provider: (typeof providers)[number], baseURL: string, allow: readonly string[]) {
  models = createModels({ egress: createEgressPolicy({ kind: 'models', allow, privateNetworks: true }) });
  const model = { provider, name: 'm', baseURL, apiKey: 'own.model.v1', maxRetries: 0 };
  const [agent] = configuration({ agents: [{ name: 'own', model }] }).snapshot.content.agents;
  if (agent === undefined) throw new Error('there is no agent');
  const call: ModelCall = {
    messages: [{ role: 'user', content: 'hello' }],
    parameters: {},
    limit: deadline(5_000),
  };
  return await models.forAgent(agent, { credential: () => 'sk-own' })(call);
}
