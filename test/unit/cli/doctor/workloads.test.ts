import { describe, expect, it } from 'vitest';
import { judgeClaims } from '../../../../cli/doctor/claims.ts';
import { judgeDatabase } from '../../../../cli/doctor/database.ts';
import type { ContainerStatus, Deployment, Pod } from '../../../../cli/doctor/workload-objects.ts';
import { judgeWorkloads } from '../../../../cli/doctor/workloads.ts';
import { failed, told } from './told.ts';

const deployment = (
  replicas: number,
  available: number,
  conditions: NonNullable<Deployment['status']>['conditions'] = [],
) => ({
  value: { metadata: { name: 'd' }, spec: { replicas }, status: { availableReplicas: available, conditions } },
});

function pod(status: NonNullable<Pod['status']>, component = 'gateway'): Pod {
  return { metadata: { name: `${component}-0`, labels: { 'app.kubernetes.io/component': component } }, status };
}

function withContainer(container: Omit<ContainerStatus, 'name'>): Pod {
  return pod({ phase: 'Running', containerStatuses: [{ name: 'gateway', ...container }] });
}

const well = {
  namespace: 'talaria',
  operator: deployment(1, 1),
  gateway: deployment(2, 2),
  pods: { value: [withContainer({ restartCount: 1 })] },
  logsBefore: new Map<string, string>(),
};

/** What is told of one pod, where all else is well. */
function toldOf(ill: Pod, log = ''): string {
  return told(judgeWorkloads({ ...well, pods: { value: [ill] }, logsBefore: new Map([[ill.metadata.name, log]]) }));
}

describe('what runs', () => {
  it('and is well gives no complaint', () => {
    expect(told(judgeWorkloads(well))).toBe('');
  });

  it('is missed where the chart is not installed', () => {
    expect(told(judgeWorkloads({ ...well, operator: { value: undefined } }))).toMatch(
      /^fail operator: There is no Deployment talaria-operator in talaria. -> Install the chart/,
    );
  });

  it('does not when it is scaled to nothing', () => {
    expect(told(judgeWorkloads({ ...well, gateway: deployment(0, 0) }))).toMatch(
      /^fail gateway: It is scaled to 0. -> kubectl -n talaria scale deployment talaria-gateway/,
    );
  });

  it('is fewer pods than wanted, with what forbids the rest', () => {
    expect(told(judgeWorkloads({ ...well, gateway: deployment(2, 1) }))).toMatch(
      /^warn gateway: 1 of 2 pods available/,
    );
    const forbidden = { type: 'ReplicaFailure', status: 'True', message: 'exceeded quota: compute' };
    expect(told(judgeWorkloads({ ...well, gateway: deployment(2, 0, [forbidden]) }))).toMatch(
      /^fail gateway: 0 of 2 pods available: exceeded quota: compute. -> Lift/,
    );
  });

  it('is skipped where it may not be read', () => {
    expect(told(judgeWorkloads({ ...well, pods: failed('', 403) }))).toMatch(/^skipped pods: The pods cannot be read/);
  });
});

describe('a pod', () => {
  it('whose image cannot be pulled', () => {
    const waiting = { reason: 'ImagePullBackOff', message: 'Back-off pulling image "talaria:9"' };
    expect(toldOf(withContainer({ state: { waiting } }))).toMatch(
      /^fail gateway pod: gateway-0 does not get its image: ImagePullBackOff: .*talaria:9.* -> Set image.repository/,
    );
  });

  it('whose Secret is missing', () => {
    const waiting = { reason: 'CreateContainerConfigError', message: 'secret "talaria-database" not found' };
    expect(toldOf(withContainer({ state: { waiting } }))).toMatch(
      /cannot start: .*talaria-database.* -> Create the Secret/,
    );
  });

  it('whose database belongs to another namespace', () => {
    const message = 'this database belongs to another namespace (uid a); give each namespace a database of its own';
    const log = [
      '{"level":30,"msg":"listening"}',
      JSON.stringify({ level: 60, msg: 'the gateway cannot start', err: { type: 'ForeignDatabase', message } }),
    ].join('\n');
    const crashing = withContainer({ restartCount: 4, state: { waiting: { reason: 'CrashLoopBackOff' } } });
    expect(toldOf(crashing, log)).toMatch(
      /^fail gateway pod: gateway-0 ended 4 times, at last with: the gateway cannot start: this database belongs to another namespace.* -> Give this namespace a database/,
    );
  });

  it('that ends again and again with a wrong setting', () => {
    const crashing = withContainer({ restartCount: 9, state: { waiting: { reason: 'CrashLoopBackOff' } } });
    expect(toldOf(crashing, '{"level":30,"msg":"x"}\nDATABASE_URL must be set (got nothing)\n')).toMatch(
      /at last with: DATABASE_URL must be set .* -> .*logs --previous gateway-0/,
    );
    const lastState = { terminated: { exitCode: 137 } };
    expect(toldOf(withContainer({ restartCount: 3, lastState }))).toMatch(/^warn .* exit code 137/);
  });

  it('that runs out of memory', () => {
    const lastState = { terminated: { reason: 'OOMKilled', exitCode: 137 } };
    expect(toldOf(withContainer({ restartCount: 3, lastState }))).toMatch(/ran out of memory, 3 times. -> Raise/);
  });

  it.each([
    ['0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims.', /finding about the claim/],
    ['0/3 nodes are available: 3 Insufficient memory.', /more room/],
    ["0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.", /nodeSelector/],
  ])('that no node takes: %s', (message, cure) => {
    const conditions = [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }];
    const found = toldOf(pod({ phase: 'Pending', conditions }));
    expect(found).toContain(`gateway-0 has no node: ${message}`);
    expect(found.split(' -> ')[1]).toMatch(cure);
  });

  it('whose volume is full', () => {
    const message = 'Usage of EmptyDir volume "state" exceeds the limit "1Gi".';
    expect(toldOf(pod({ phase: 'Failed', reason: 'Evicted', message }))).toMatch(
      /gateway-0 failed: Evicted: Usage of EmptyDir.* -> The volume of the pod is full: raise gateway.stateSizeLimit/,
    );
  });
});

describe('a claim', () => {
  const claim = (phase: string, storageClassName?: string) => ({
    metadata: { name: 'data-talaria-trial-database-0' },
    spec: storageClassName === undefined ? {} : { storageClassName },
    status: { phase },
  });

  it('that is bound gives no complaint', () => {
    expect(told(judgeClaims({ value: [claim('Bound')] }))).toBe('');
  });

  it('that waits for a volume is told with what it waits for', () => {
    expect(told(judgeClaims({ value: [claim('Pending')] }))).toMatch(
      /^fail volumes: The claim data-talaria-trial-database-0 is Pending: no volume is bound to it. -> .*a default StorageClass/,
    );
    expect(told(judgeClaims({ value: [claim('Pending', 'fast')] }))).toContain(
      'a StorageClass fast with a provisioner',
    );
  });

  it('that has lost its volume is told', () => {
    expect(told(judgeClaims({ value: [claim('Lost')] }))).toMatch(/has lost its volume. -> Restore/);
  });
});

describe('the database', () => {
  const unavailable = { value: { status: 'ready', state: 'unavailable' as const } };
  const complaint = (message: string) =>
    JSON.stringify({ level: 40, msg: 'the database cannot be used; stateless agents go on', err: { message } });

  it('that can be used gives no complaint, whatever was logged before', () => {
    const readiness = { value: { status: 'ready', state: 'available' as const } };
    expect(told(judgeDatabase({ readiness, logs: [complaint('x')] }))).toBe('');
  });

  it.each([
    ['password authentication failed for user "talaria"', /Correct user and password/],
    ['database "talaria" does not exist', /Create that database/],
    ['getaddrinfo ENOTFOUND db.example', /host and port/],
    ['connect ECONNREFUSED 10.0.0.1:5432', /See that it runs/],
    ['certificate has expired', /Renew the certificate of the database server/],
    ['self-signed certificate in certificate chain', /sslrootcert/],
    ['could not extend file "base/1": No space left on device', /Its volume is full/],
    ['sorry, too many clients already', /max_connections/],
    ['cannot execute INSERT in a read-only transaction', /standby/],
    ['permission denied for schema public', /create tables/],
    ['this database belongs to another namespace (uid b)', /database of its own/],
    ['timeout exceeded when trying to connect', /network policy/],
    ['something new', /DATABASE_URL/],
  ])('that says "%s" is told with the cure', (message, cure) => {
    const found = told(judgeDatabase({ readiness: unavailable, logs: ['', complaint(message)] }));
    expect(found).toContain(`fail database: The gateway cannot use it: the database cannot be used`);
    expect(found.split(' -> ')[1]).toMatch(cure);
  });

  it('that is away is told also where no log may be read', () => {
    expect(told(judgeDatabase({ readiness: unavailable, logs: [] }))).toMatch(
      /^fail database: The gateway cannot use it. ->/,
    );
  });

  it('is told of by the logs where no gateway answers, unless it was used since', () => {
    const logs = [complaint('certificate has expired')];
    expect(told(judgeDatabase({ readiness: failed('ECONNREFUSED'), logs }))).toMatch(/Renew/);
    const recovered = [`${logs[0]}\n{"level":30,"msg":"the database can be used"}`];
    expect(told(judgeDatabase({ readiness: failed('ECONNREFUSED'), logs: recovered }))).toBe('');
  });
});
