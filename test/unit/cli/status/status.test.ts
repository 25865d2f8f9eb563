import { describe, expect, it } from 'vitest';
import type { AdminClient } from '../../../../cli/remote/admin-client.ts';
import { clusterParts } from '../../../../cli/status/cluster-parts.ts';
import { deliveriesPart, gatewayParts } from '../../../../cli/status/gateway-parts.ts';
import { formatParts } from '../../../../cli/status/part.ts';
import type { KubeClient } from '../../../../core/kube/types.ts';
import { encodeSnapshot } from '../../../../core/snapshot/encode.ts';
import { snapshotSchemaVersion } from '../../../../core/snapshot/schema.ts';

const now = Date.parse('2026-01-31T08:00:00Z');

/** A cluster that has these objects by the plural of their kind, and this index. */
function clusterWith(objects: Readonly<Record<string, readonly object[]>>, index?: object): KubeClient {
  const data =
    index === undefined ? undefined : { metadata: { name: 'i' }, data: { 'index.json': JSON.stringify(index) } };
  return {
    get: async () => data,
    list: async ({ plural }: { readonly plural: string }) => ({ items: objects[plural] ?? [], resourceVersion: '1' }),
  } as unknown as KubeClient;
}

function lease(replica: string, sequence: number, renewTime: string): object {
  const annotations = { 'talaria.dev/sequence': String(sequence) };
  return { metadata: { name: `talaria-gateway-${replica}`, annotations }, spec: { renewTime } };
}

function condition(type: string, status: string, reason: string): object {
  return { type, status, reason, message: 'so it is', lastTransitionTime: '2026-01-31T08:00:00Z' };
}

describe('the status of a cluster', () => {
  it('counts live gateways and names those that serve something older than what is published', async () => {
    const index = emptyIndex();
    const cluster = clusterWith(
      {
        leases: [
          lease('a', index.sequence, '2026-01-31T07:59:50.000000Z'),
          lease('b', index.sequence - 1, '2026-01-31T07:59:50.000000Z'),
          lease('gone', index.sequence, '2026-01-31T07:00:00.000000Z'),
        ],
      },
      index,
    );
    const [gateways] = await clusterParts(cluster, now);
    expect(gateways).toMatchObject({
      summary: `2 live, 1 of them serve the published sequence ${index.sequence}`,
      troubles: [`talaria-gateway-b serves sequence ${index.sequence - 1}; see its log`],
    });
  });

  it('says that a release other than this one has published what it cannot read', async () => {
    const [gateways] = await clusterParts(clusterWith({ leases: [] }, { schema: 'of another release' }), now);
    expect(gateways?.troubles).toEqual([
      'the published index cannot be read by this release; run the talaria of the release that is installed',
    ]);
  });

  it('says that nothing is published, and which objects and accounts are not ready, with the cure', async () => {
    const agent = {
      metadata: { name: 'coder' },
      spec: {},
      status: {
        conditions: [
          condition('ResolvedRefs', 'False', 'AgentNotFound'),
          condition('Ready', 'False', 'RefsNotResolved'),
        ],
        accounts: [{ name: 'main', ready: false, message: 'the token was refused' }],
      },
    };
    const fresh = { metadata: { name: 'fresh' }, spec: {} };
    const suspended = {
      metadata: { name: 'quiet' },
      spec: {},
      status: { conditions: [condition('Ready', 'True', 'Suspended')] },
    };
    const parts = await clusterParts(clusterWith({ agents: [agent], routes: [fresh], cronjobs: [suspended] }), now);
    const text = formatParts(parts);
    expect(text).toContain('Gateways   nothing is published\n  ! no configuration was published');
    expect(text).toContain('Agents     1 in all, 1 not ready\n  ! coder: AgentNotFound; so it is; create the Agent');
    expect(text).toContain('Routes     1 in all, 1 not ready\n  ! fresh: the operator has not seen it yet');
    expect(text).toContain('CronJobs   1 in all\n');
    expect(text).toContain('Accounts   1 known, 1 not ready\n  ! coder/main: the token was refused');
  });
});

describe('the status of a gateway', () => {
  it('names Agents that do not serve, broken accounts and failing CronJobs, and not what somebody suspended', async () => {
    const agent = { name: 'coder', accounts: [], refused_with: null, refused_reason: null };
    const job = { name: 'greet', consecutive_failures: 0, paused: null };
    const pages = (entries: readonly object[]) => ({ list: async () => ({ entries, hasMore: false }) });
    const client = {
      snapshot: async () => ({ revision: 'a'.repeat(64), sequence: 7 }),
      agents: pages([
        {
          ...agent,
          accounts: [
            { name: 'main', ready: false, message: 'the token was refused' },
            { name: 'new', ready: null },
          ],
        },
        { ...agent, name: 'billing', refused_with: 'agent_not_ready', refused_reason: 'SecretNotFound' },
        { ...agent, name: 'resting', refused_with: 'agent_suspended', refused_reason: 'Suspended' },
      ]),
      jobs: pages([job, { ...job, name: 'crawl', consecutive_failures: 2 }, { ...job, name: 'off', paused: 'Manual' }]),
      deliveries: pages([]),
    } as unknown as AdminClient;
    expect(formatParts(await gatewayParts(client))).toBe(
      `Gateway      serves revision aaaaaaaaaaaa, sequence 7
Agents       3 served, 1 not ready
  ! billing is not ready: SecretNotFound; create the Secret in the same namespace, labelled talaria.dev/credentials=true
Accounts     2 served, 1 not ready
  ! coder/main: the token was refused
CronJobs     2 scheduled, 1 failing, 1 suspended or paused by hand
  ! crawl has had 2 failures in a row; talaria jobs show crawl
Deliveries   0 dead, 0 ambiguous
`,
    );
  });
});

describe('the status of deliveries', () => {
  const clientWith = (counts: Readonly<Record<string, number>>) =>
    ({
      deliveries: {
        list: async ({ status = '' }: { readonly status?: string }) => ({
          entries: Array.from({ length: counts[status] ?? 0 }),
          hasMore: (counts[status] ?? 0) >= 100,
        }),
      },
    }) as unknown as AdminClient;

  it('is well when none is dead or ambiguous', async () => {
    expect(await deliveriesPart(clientWith({}))).toMatchObject({ summary: '0 dead, 0 ambiguous', troubles: [] });
  });

  it('counts them, up to a hundred, and says how to list them', async () => {
    expect(await deliveriesPart(clientWith({ dead: 100, ambiguous: 2 }))).toMatchObject({
      summary: '100 or more dead, 2 ambiguous',
      troubles: [
        '100 or more dead; talaria deliveries list --status dead',
        '2 ambiguous; talaria deliveries list --status ambiguous',
      ],
    });
  });
});

function emptyIndex() {
  const { revision, buckets } = encodeSnapshot({ agents: [], routes: [], jobs: [], gatewayKeys: [], texts: {} });
  const places = buckets.map(({ sha256 }) => ({ slot: 'a', sha256 }));
  return { schema: snapshotSchemaVersion, revision, sequence: now, buckets: places };
}
