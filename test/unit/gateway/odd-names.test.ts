import { expect, it } from 'vitest';
import { ask, startTestGateway } from '../../harness/gateway.ts';

/** The one name of Kubernetes that every object of JavaScript has too. */
const name = 'constructor';

it('agents, routes, keys and headers that are called as what every object of JavaScript has are like any other', async () => {
  const gateway = await startTestGateway({
    serves: {
      agents: [{ name: 'main', default: true }, { name }],
      routes: { [name]: [{ name, match: { headers: [{ name, value: 'x' }] }, to: name }] },
      gatewayKeys: [{ name, key: 'k', role: 'admin' }],
    },
  });
  try {
    expect(await ask(gateway.url, { key: 'k' })).toMatchObject({ status: 200, agent: 'main' });
    expect(await ask(gateway.url, { key: 'k', headers: { [name]: 'x' } })).toMatchObject({ status: 200, agent: name });
    expect(await ask(gateway.url, { key: 'k', model: `talaria/${name}` })).toMatchObject({ status: 200, agent: name });
    expect(await ask(gateway.url, { key: 'k', model: 'talaria/tostring' })).toMatchObject({ code: 'model_not_found' });
    const explained = await fetch(`${gateway.url}/admin/v1/explain`, {
      method: 'POST',
      headers: { authorization: 'Bearer k', 'content-type': 'application/json' },
      body: JSON.stringify({ apiKey: name, headers: { [name]: 'x', ['__proto__']: 'y' } }),
    });
    expect(await explained.json()).toMatchObject({ outcome: 'resolved', agent: name });
  } finally {
    await gateway.stop();
  }
});
