import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { sha256 } from '../../../core/lib/hash.ts';
import { agentDetailSchema, agentObjectSchema } from '../../../gateway/ingress/admin/agent-object.ts';
import { startTestGateway, type TestGateway } from '../../harness/gateway.ts';
import { jobEntry } from '../../servers/schedule/entries.ts';

const page = z.object({
  data: z.array(z.strictObject(agentObjectSchema.shape)),
  has_more: z.boolean(),
  last_id: z.string().nullable(),
});

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway({
    serves: {
      agents: [
        { name: 'clerk', default: true, instructions: 'Be brief.', accounts: [account] },
        { name: 'other', refuse: 'agent_not_ready', refuseReason: 'SecretNotFound', instructions: 'Of others.' },
      ],
      routes: {
        shared: [{ match: { chatId: 'a' }, to: { clerk: 1, other: 1 } }],
        theirs: [{ match: { chatId: 'b' }, to: 'other' }],
      },
      jobs: [jobEntry('greet', {}), jobEntry('crawl', { agent: 'other', prompt: sha256('a secret plan') })],
      texts: ['good morning', 'a secret plan'],
      gatewayKeys: [
        { name: 'root', key: 'root', role: 'admin' },
        { name: 'clerks', key: 'clerks', role: 'admin', agents: ['clerk'] },
        { name: 'client', key: 'client' },
      ],
    },
  });
});
afterAll(() => gateway.stop());

const account = {
  name: 'main',
  platform: 'telegram',
  shared: false,
  onAmbiguous: 'Park' as const,
  credentials: {},
  settings: {},
};

async function get(path: string, key = 'root') {
  const response = await fetch(`${gateway.url}/admin/v1${path}`, { headers: { authorization: `Bearer ${key}` } });
  return { status: response.status, body: (await response.json()) as { error?: { code: string } } };
}

describe('/admin/v1/agents', () => {
  it('lists the Agents by name with what they serve, page by page, also while the database is away', async () => {
    const { data, has_more, last_id } = page.parse((await get('/agents?limit=1')).body);
    expect({ has_more, last_id }).toEqual({ has_more: true, last_id: 'clerk' });
    expect(data).toMatchObject([
      { name: 'clerk', serves: true, default: true, routes: 1, jobs: 1, model: { provider: 'echo', name: 'echo' } },
    ]);
    expect(data[0]?.accounts).toEqual([
      { name: 'main', platform: 'telegram', shared: false, ready: null, message: null },
    ]);
    const rest = page.parse((await get('/agents?after=clerk')).body);
    expect(rest).toMatchObject({ has_more: false, data: [{ name: 'other', routes: 2, jobs: 1 }] });
  });

  it('says why an Agent does not serve', async () => {
    const other = z.strictObject(agentDetailSchema.shape).parse((await get('/agents/other')).body);
    expect(other).toMatchObject({
      serves: false,
      refused_with: 'agent_not_ready',
      refused_reason: 'SecretNotFound',
      instructions_bytes: 10,
    });
  });

  it('an admin key of some Agents sees them alone, and of the snapshot what belongs to them', async () => {
    expect(page.parse((await get('/agents', 'clerks')).body).data.map(({ name }) => name)).toEqual(['clerk']);
    expect((await get('/agents/other', 'clerks')).body.error?.code).toBe('model_not_found');
    const { body } = await get('/snapshot', 'clerks');
    expect(body).toMatchObject({
      agents: [{ name: 'clerk' }],
      routes: [{ name: 'shared' }],
      jobs: [{ name: 'greet' }],
      gatewayKeys: [{ name: 'clerks' }],
      texts: { [sha256('Be brief.')]: 'Be brief.', [sha256('good morning')]: 'good morning' },
    });
    expect(JSON.stringify(body)).not.toMatch(/a secret plan|Of others/);
  });

  it('refuses keys of clients, unknown Agents and filters that make no sense', async () => {
    expect((await get('/agents', 'client')).body.error?.code).toBe('admin_required');
    expect((await get('/agents/nobody')).body.error?.code).toBe('model_not_found');
    expect((await get('/agents?colour=red')).body.error?.code).toBe('unsupported_field');
  });
});
