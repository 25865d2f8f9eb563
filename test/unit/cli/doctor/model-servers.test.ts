import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { gatherModelServers, judgeModelServers } from '../../../../cli/doctor/model-servers.ts';
import { told } from './told.ts';

const now = Date.parse('2031-05-01T12:00:00Z');
const day = 86_400_000;

describe('the servers of models', () => {
  it('with valid certificates give no complaint, nor do those that are not reached from here', () => {
    const servers = [
      { server: 'a:443', ends: now + 90 * day, code: '' },
      { server: 'b:443', ends: undefined, code: 'ENOTFOUND' },
    ];
    expect(judgeModelServers(servers, now)).toMatchObject([
      { level: 'ok', cause: expect.stringMatching(/^1 with valid/) },
    ]);
    expect(judgeModelServers(servers.slice(1), now)).toEqual([]);
  });

  it('whose certificate has expired or soon will are told', () => {
    const servers = [
      { server: 'a:443', ends: undefined, code: 'CERT_HAS_EXPIRED' },
      { server: 'b:8443', ends: now + 5 * day, code: '' },
    ];
    expect(told(judgeModelServers(servers, now)).split('\n')).toEqual([
      expect.stringMatching(/^fail model servers: The certificate of a:443 has expired. -> Renew it/),
      expect.stringMatching(/^warn model servers: The certificate of b:8443 ends in 5 days/),
    ]);
  });

  it('are those that Agents name, fallbacks too, each once and by https alone', async () => {
    const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const spec = {
      model: {
        baseURL: `https://127.0.0.1:${port}/v1`,
        fallbacks: [{ baseURL: `https://127.0.0.1:${port}/v2` }, { baseURL: 'http://127.0.0.1:1/v1' }, {}],
      },
    };
    const objects = { value: [{ metadata: { name: 'a' }, spec }, { metadata: { name: 'b' } }] };
    const found = await gatherModelServers([
      { kind: 'Agent', objects },
      { kind: 'Route', objects },
    ]);
    server.close();
    expect(found).toEqual([{ server: `127.0.0.1:${port}`, ends: undefined, code: expect.any(String) }]);
  });
});
