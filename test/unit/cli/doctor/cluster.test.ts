import { describe, expect, it } from 'vitest';
import { judgeControl } from '../../../../cli/doctor/control.ts';
import { judgeDefinitions } from '../../../../cli/doctor/definitions.ts';
import { judgeReach } from '../../../../cli/doctor/reach.ts';
import { judgeRights } from '../../../../cli/doctor/rights.ts';
import type { Lease } from '../../../../core/kube/resources.ts';
import { revisionOf } from '../../../../core/snapshot/encode.ts';
import { snapshotSchemaVersion } from '../../../../core/snapshot/schema.ts';
import { failed, told } from './told.ts';

const now = Date.parse('2031-05-01T12:00:00Z');
const minute = 60_000;
const day = 86_400_000;

describe('an API server', () => {
  const answer = { status: 200, text: '{"gitVersion": "v1.36.0"}', serverTime: now, certificateEnds: now + 300 * day };
  const well = {
    version: { value: answer },
    askedAt: now - 100,
    localTime: now + 900,
    namespace: 'talaria',
    namespaceFound: { value: true },
  };

  it('that is well gives no complaint', () => {
    expect(told(judgeReach(well))).toBe('');
  });

  it.each([
    ['with an expired certificate', 'CERT_HAS_EXPIRED', /certificate has expired.* -> Renew it/],
    ['of an authority that is not known', 'SELF_SIGNED_CERT_IN_CHAIN', /authority.* -> Fetch the kubeconfig/],
    ['under a name that its certificate lacks', 'ERR_TLS_CERT_ALTNAME_INVALID', /not for the address/],
    ['that does not run', 'ECONNREFUSED', /Nothing answers.* -> See whether the cluster runs/],
    ['that fails in another way', 'EPROTO', /does not answer: it said EPROTO/],
  ])('%s is told with the cure, and nothing after it', (_, code, expected) => {
    const found = judgeReach({ ...well, version: failed(code) });
    expect(told(found)).toMatch(expected);
    expect(found).toHaveLength(1);
  });

  it('that does not know the caller is told alone', () => {
    const found = judgeReach({ ...well, version: { value: { ...answer, status: 401 } } });
    expect(told(found)).toMatch(/^fail API server: It does not know you: HTTP 401. -> Log in again/);
    expect(found).toHaveLength(1);
  });

  it('whose certificate ends soon is warned of', () => {
    const version = { value: { ...answer, certificateEnds: now + 3 * day } };
    expect(told(judgeReach({ ...well, version }))).toMatch(/^warn certificate: .* ends in 3 days/);
  });

  it.each([
    ['ahead', 5 * minute, /This machine is 5 min ahead of the API server. -> Set it by NTP/],
    ['behind', -90_000, /This machine is 90 s behind the API server/],
  ])('shows that the clock of this machine is %s', (_, skew, expected) => {
    expect(told(judgeReach({ ...well, askedAt: now + skew, localTime: now + skew }))).toMatch(expected);
  });

  it('that took its time to answer shows no wrong clock', () => {
    expect(told(judgeReach({ ...well, askedAt: now - 8_000, localTime: now + 9_000 }))).toBe('');
  });

  it('shows that the namespace is missing', () => {
    expect(told(judgeReach({ ...well, namespaceFound: { value: false } }))).toMatch(
      /^fail namespace: There is no namespace talaria. -> .*-n/,
    );
  });
});

describe('the CRDs', () => {
  const none = { value: [] };

  it('that are as this release has them give no complaint', () => {
    expect(told(judgeDefinitions({ missing: none, unestablished: none }))).toBe('');
  });

  it('that are missing are named with the command that applies them', () => {
    const missing = { value: ['Route', 'CronJob: spec.retry'] };
    expect(told(judgeDefinitions({ missing, unestablished: none }))).toMatch(
      /^fail CRDs: Not served: Route of talaria.dev\/v1alpha1. -> .*kubectl apply --server-side/,
    );
  });

  it('that are older than this release are told by the fields they lack', () => {
    const missing = { value: ['a', 'b', 'c', 'd', 'e', 'f'].map((field) => `Agent: spec.${field}`) };
    expect(told(judgeDefinitions({ missing, unestablished: none }))).toMatch(/lack Agent: spec.a, .*spec.e and 1 more/);
  });

  it('that are stored and not established are told with the reason', () => {
    const unestablished = { value: ['routes.talaria.dev (its names are taken)'] };
    expect(told(judgeDefinitions({ missing: { value: ['Route'] }, unestablished }))).toMatch(/its names are taken/);
  });
});

describe('rights', () => {
  it('that a ServiceAccount lacks are a failure, and that the caller lacks a warning', () => {
    const lacking = { value: [{ verb: 'update', resource: 'configmaps', name: 'talaria-snapshot' }] };
    const facts = { whose: 'the ServiceAccount', cure: 'Put it back.', lacking };
    expect(told(judgeRights({ ...facts, account: 'operator' }))).toBe(
      'fail rights of operator: Missing: update configmaps talaria-snapshot. -> Put it back.',
    );
    expect(told(judgeRights({ ...facts, account: 'you' }))).toMatch(/^warn/);
  });

  it('that may not be asked for are skipped', () => {
    const facts = { account: 'operator', whose: 'it', cure: '', lacking: failed('', 403) };
    expect(told(judgeRights(facts))).toMatch(/^skipped rights of operator: .* cannot be read by your account/);
  });
});

describe('leases and the snapshot', () => {
  const published = now - 10 * minute;
  const index = {
    value: {
      metadata: { name: 'talaria-snapshot' },
      data: {
        'index.json': JSON.stringify({
          schema: snapshotSchemaVersion,
          revision: revisionOf(snapshotSchemaVersion.major, []),
          sequence: published,
          buckets: [],
        }),
      },
    },
  };

  function lease(name: string, renewedAt: number, fields: { holder?: string; sequence?: number } = {}): Lease {
    const { holder = `${name}_7`, sequence = published } = fields;
    return {
      metadata: { name, annotations: { 'talaria.dev/sequence': String(sequence) } },
      spec: { holderIdentity: holder, leaseDurationSeconds: 15, renewTime: new Date(renewedAt).toISOString() },
    };
  }

  function judged(
    leases: readonly Lease[],
    later: readonly Lease[] = leases,
    stored: Parameters<typeof judgeControl>[0]['index'] = index,
  ) {
    return told(
      judgeControl({ leases: { value: leases }, leasesLater: { value: later }, index: stored, serverTime: now }),
    );
  }

  const operator = lease('talaria-operator', now - 1_000);
  const gateway = lease('talaria-gateway-a', now - 1_000);

  it('of an installation that is well give no complaint', () => {
    expect(judged([operator, gateway])).toBe('');
  });

  it('show that no operator has ever led', () => {
    expect(judged([gateway])).toMatch(/^fail leader: No operator has ever led/);
  });

  it('show that nobody took the lead over', () => {
    expect(judged([lease('talaria-operator', now, { holder: '' }), gateway])).toMatch(/gave up the lead/);
  });

  it('show for how long the leader has not renewed its lease', () => {
    expect(judged([lease('talaria-operator', now - 5 * minute), gateway])).toMatch(
      /^fail leader: talaria-operator held the lead and has not renewed it for 5 min/,
    );
  });

  it('tell a clock that is behind from a leader that is gone, by a renewal', () => {
    const behind = lease('talaria-operator', now - 5 * minute);
    const renewed = lease('talaria-operator', now - 5 * minute + 2_000);
    expect(judged([behind, gateway], [renewed, gateway])).toMatch(
      /^warn clocks: The node of talaria-operator is 5 min behind the API server. -> Set the clocks/,
    );
  });

  it('show that a node is ahead', () => {
    expect(judged([operator, lease('talaria-gateway-a', now + minute)])).toMatch(
      /^warn clocks: The node of talaria-gateway-a is 60 s ahead/,
    );
  });

  it('show that no gateway ever served, or none does any more', () => {
    expect(judged([operator])).toMatch(/^fail snapshot: No gateway has ever acknowledged/);
    expect(judged([operator, lease('talaria-gateway-a', now - 20 * minute)])).toMatch(/None of the 1 gateways/);
  });

  it('show which gateway serves less than what is published', () => {
    const late = lease('talaria-gateway-b', now, { sequence: published - 5 });
    expect(judged([operator, gateway, late])).toMatch(
      new RegExp(`^fail snapshot: talaria-gateway-b_7 serves ${published - 5}, published is ${published} since 10 min`),
    );
  });

  it('show that nothing is published, or something that only another release reads', () => {
    expect(judged([operator, gateway], undefined, { value: undefined })).toMatch(/published nothing/);
    const other = { value: { metadata: { name: 'talaria-snapshot' }, data: { 'index.json': '{"schema":"9.0"}' } } };
    expect(judged([operator, gateway], undefined, other)).toMatch(/cannot be read by this release/);
  });

  it('are skipped where they may not be read', () => {
    const facts = { leases: failed('', 403), leasesLater: failed('', 403), index, serverTime: now };
    expect(told(judgeControl(facts))).toMatch(/^skipped leader/);
  });
});
