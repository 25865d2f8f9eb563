import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { parse } from 'yaml';
import { parseYaml } from '../../../cli/yaml-documents.ts';
import { fetchKeys } from '../../../gateway/admit/tokens/fetch-keys.ts';
import { type GatewayConfig, parseGatewayConfig } from '../../../gateway/config/config-file.ts';
import type { IssuerConfig } from '../../../gateway/config/issuers.ts';
import { ask, startTestGateway, type TestGateway } from '../../harness/gateway.ts';
import { externalDatabase, renderChart } from '../../harness/helm.ts';
import { installChart } from '../../harness/install-chart.ts';
import { clusterAccess } from '../../harness/kubeconfig.ts';
import { kubectl } from '../../harness/kubectl.ts';
import { createNamespace } from '../../harness/namespace.ts';
import { temporaryFolder } from '../../harness/temporary-folder.ts';

const page = path.join(import.meta.dirname, '../../../docs/authentication.md');

describe('the page about authentication, with real ServiceAccounts', () => {
  let folder: string;
  let gateway: TestGateway;
  let text: string;
  let configs: readonly GatewayConfig[];
  let issuer: IssuerConfig;

  beforeAll(async () => {
    folder = await temporaryFolder('tokens');
    text = await readFile(page, 'utf8');
    configs = await Promise.all(blocks().filter(isValues).map(renderedConfig));
    const namespace = await createNamespace(inject('kubeconfig'));
    await installChart(inject('kubeconfig'), namespace.name);
    const { server, certificateAuthority } = await clusterAccess(inject('kubeconfig'));
    const documented = configs.flatMap(({ auth }) => auth.issuers).find(({ tokenFile }) => tokenFile !== undefined);
    issuer = {
      ...(documented as IssuerConfig),
      jwksURL: `${server}${new URL(documented?.jwksURL ?? '').pathname}`,
      caFile: await save('ca.crt', certificateAuthority),
      tokenFile: await save('token', await namespace.kubectl(['create', 'token', 'talaria-gateway'])),
    };
    for (const each of ['batch', 'elsewhere']) {
      await kubectl(inject('kubeconfig'), ['create', 'namespace', each]);
      await kubectl(inject('kubeconfig'), ['-n', each, 'create', 'serviceaccount', 'reporter']);
    }
    gateway = await startTestGateway({
      serves: {
        agents: [{ name: 'triage', default: true }, { name: 'billing' }, { name: 'secret' }],
        routes: { 'batch-jobs': documentedRules(), hidden: [{ match: { chatId: 'hidden' }, to: 'secret' }] },
      },
      config: { auth: { issuers: [issuer] } },
    });
  });
  afterAll(async () => {
    await gateway.stop();
    await rm(folder, { recursive: true });
  });

  it('has values that the chart takes and a gateway understands', () => {
    expect(configs.map(({ auth, cors }) => [auth.issuers.length, cors.origins.length])).toEqual([
      [1, 0],
      [1, 0],
      [0, 1],
    ]);
  });

  it('has a pod that the API server takes', async () => {
    const pod = blocks().find((block) => block.includes('kind: Pod')) ?? '';
    const taken = await kubectl(
      inject('kubeconfig'),
      ['apply', '--dry-run=server', '--validate=strict', '-f', '-'],
      pod,
    );
    expect(taken).toContain('pod/reporter');
  });

  it('has a command whose token is accepted, and routed by its namespace', async () => {
    const key = await documentedToken();
    expect(await ask(gateway.url, { key })).toMatchObject({ status: 200, agent: 'billing' });
    const elsewhere = await token('elsewhere', '--audience=talaria');
    expect(await ask(gateway.url, { key: elsewhere })).toMatchObject({ status: 200, agent: 'triage' });
  });

  it('a token never calls an Agent outside the set', async () => {
    const key = await token('elsewhere', '--audience=talaria');
    const hidden = await ask(gateway.url, { key, headers: { 'x-talaria-chat-id': 'hidden' } });
    expect(hidden).toMatchObject({ status: 403, code: 'agent_forbidden', agent: null });
    expect(await ask(gateway.url, { key, model: 'talaria/secret' })).toMatchObject({ code: 'model_not_found' });
  });

  it('a token for another audience, or for the API server itself, is refused', async () => {
    for (const key of [await token('batch', '--audience=talaria2'), await token('batch')]) {
      const answer = await ask(gateway.url, { key });
      expect(answer).toMatchObject({ status: 401, code: 'invalid_key' });
      expect(answer.body.error?.message).toContain('`aud`');
    }
  });

  it('the keys are fetched from a server that the configured certificates prove, and from no other', async () => {
    const { caFile = '', ...trusting } = issuer;
    const inline = await fetchKeys({ ...trusting, ca: await readFile(caFile, 'utf8') });
    expect(inline.keys[0]).toMatchObject({ kty: 'EC', use: 'sig' });
    await expect(fetchKeys(trusting)).rejects.toThrow(/certificate/);
  });

  function blocks(): readonly string[] {
    return [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');
  }

  /** What the gateway reads when these are the values of the chart. */
  async function renderedConfig(values: string): Promise<GatewayConfig> {
    const file = await save(`values-${blocks().indexOf(values)}.yaml`, values);
    const { documents } = parseYaml(await renderChart('demo', [...externalDatabase, '--values', file]));
    const maps = documents.map(({ value }) => value as { kind: string; data?: Record<string, string> });
    const config = maps.find(({ data }) => data?.['gateway.yaml'] !== undefined)?.data?.['gateway.yaml'] ?? '';
    return parseGatewayConfig(config, page);
  }

  function documentedRules() {
    const route = blocks().find((block) => block.includes('kind: Route')) ?? '';
    const { spec } = parse(route) as { spec: { rules: readonly RouteRule[] } };
    return spec.rules.map(({ name, matches, agentRefs }) => ({ name, match: matches, to: agentRefs[0]?.name ?? '' }));
  }

  async function documentedToken(): Promise<string> {
    const line = /^kubectl (-n batch create token .*)$/m.exec(text)?.[1] ?? '';
    return (await kubectl(inject('kubeconfig'), line.split(' '))).trim();
  }

  async function save(name: string, content: string): Promise<string> {
    const file = path.join(folder, name);
    await writeFile(file, content);
    return file;
  }
});

interface RouteRule {
  readonly name: string;
  readonly matches: readonly { readonly expression: string }[];
  readonly agentRefs: readonly { readonly name: string }[];
}

function isValues(block: string): boolean {
  return block.startsWith('gateway:');
}

async function token(namespace: string, ...flags: readonly string[]): Promise<string> {
  const created = await kubectl(inject('kubeconfig'), ['-n', namespace, 'create', 'token', 'reporter', ...flags]);
  return created.trim();
}
