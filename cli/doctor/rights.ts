import type { KubeClient } from '../../core/kube/types.ts';
import { type Finding, findings } from './finding.ts';
import { type Reading, reading, unread } from './reading.ts';

/** Something that an account may do in the namespace. `resource` is `plural[.group][/subresource]`. */
export interface Right {
  readonly verb: string;
  readonly resource: string;
  readonly name?: string;
}

/** The rights of one account. */
export interface RightsFacts {
  /** The name of the check. */
  readonly account: string;
  /** Whose rights these are, in words. */
  readonly whose: string;
  /** What to do when some are missing. */
  readonly cure: string;
  /** What it should be able to do and is not. */
  readonly lacking: Reading<readonly Right[]>;
}

/** Whether an account has what it needs. */
export function judgeRights({ account, whose, cure, lacking }: RightsFacts): readonly Finding[] {
  const check = `rights of ${account}`;
  if ('failure' in lacking) return [unread(check, `What ${whose} may do`, lacking.failure)];
  if (lacking.value.length === 0) return [findings(check).ok('what is needed')];
  const what = lacking.value.map(({ verb, resource, name }) => [verb, resource, name].filter(Boolean).join(' '));
  const level = account === 'you' ? 'warn' : 'fail';
  return [findings(check)[level](`Missing: ${what.join(', ')}.`, cure)];
}

/** Asks the API server for the rights of the caller and of the two ServiceAccounts. */
export async function gatherRights(client: Pick<KubeClient, 'request' | 'namespace'>): Promise<readonly RightsFacts[]> {
  const { namespace } = client;
  const you = {
    account: 'you',
    whose: 'you',
    cure: 'What needs them is skipped here, and the commands that ask a gateway may not find it.',
    lacking: await lackingRights(client, callerNeeds, undefined),
  };
  const components = (['operator', 'gateway'] as const).map(async (component) => ({
    account: component,
    whose: `the ServiceAccount talaria-${component}`,
    cure: `Put back the Role and RoleBinding talaria-${component} of the chart: helm upgrade.`,
    lacking: await lackingRights(
      client,
      componentNeeds[component],
      `system:serviceaccount:${namespace}:talaria-${component}`,
    ),
  }));
  return [you, ...(await Promise.all(components))];
}

async function lackingRights(
  client: Pick<KubeClient, 'request' | 'namespace'>,
  needs: readonly Right[],
  user: string | undefined,
): Promise<Reading<readonly Right[]>> {
  return await reading(
    Promise.all(needs.map(async (need) => ((await mayDo(client, need, user)) ? [] : [need]))).then((found) =>
      found.flat(),
    ),
  );
}

async function mayDo(
  { request, namespace }: Pick<KubeClient, 'request' | 'namespace'>,
  { verb, resource, name }: Right,
  user: string | undefined,
): Promise<boolean> {
  const [full = '', subresource] = resource.split('/');
  const [plural = '', ...group] = full.split('.');
  const resourceAttributes = { namespace, verb, group: group.join('.'), resource: plural, subresource, name };
  const base = '/apis/authorization.k8s.io/v1';
  const [kind, path] =
    user === undefined
      ? ['SelfSubjectAccessReview', `${base}/selfsubjectaccessreviews`]
      : ['LocalSubjectAccessReview', `${base}/namespaces/${namespace}/localsubjectaccessreviews`];
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'];
  const answer = (await request({
    method: 'POST',
    path,
    body: {
      apiVersion: 'authorization.k8s.io/v1',
      kind,
      metadata: { namespace: user === undefined ? undefined : namespace },
      spec: { resourceAttributes, ...(user === undefined ? {} : { user, groups }) },
    },
  })) as { readonly status?: { readonly allowed?: boolean } };
  return answer.status?.allowed === true;
}

const callerNeeds: readonly Right[] = [
  { verb: 'list', resource: 'agents.talaria.dev' },
  { verb: 'list', resource: 'routes.talaria.dev' },
  { verb: 'list', resource: 'cronjobs.talaria.dev' },
  { verb: 'list', resource: 'pods' },
  { verb: 'get', resource: 'pods/log' },
  { verb: 'create', resource: 'pods/portforward' },
  { verb: 'get', resource: 'deployments.apps' },
  { verb: 'list', resource: 'leases.coordination.k8s.io' },
  { verb: 'get', resource: 'configmaps' },
  { verb: 'list', resource: 'secrets' },
  { verb: 'list', resource: 'persistentvolumeclaims' },
];

/** One right of each rule of the Roles of the chart. */
const componentNeeds: Readonly<Record<'operator' | 'gateway', readonly Right[]>> = {
  operator: [
    { verb: 'watch', resource: 'agents.talaria.dev' },
    { verb: 'watch', resource: 'routes.talaria.dev' },
    { verb: 'watch', resource: 'cronjobs.talaria.dev' },
    { verb: 'patch', resource: 'agents.talaria.dev/status' },
    { verb: 'patch', resource: 'routes.talaria.dev/status' },
    { verb: 'patch', resource: 'cronjobs.talaria.dev/status' },
    { verb: 'watch', resource: 'secrets' },
    { verb: 'watch', resource: 'configmaps' },
    { verb: 'create', resource: 'configmaps' },
    { verb: 'update', resource: 'configmaps', name: 'talaria-snapshot' },
    { verb: 'create', resource: 'secrets' },
    { verb: 'update', resource: 'secrets', name: 'talaria-credentials-00' },
    { verb: 'watch', resource: 'leases.coordination.k8s.io' },
    { verb: 'update', resource: 'leases.coordination.k8s.io', name: 'talaria-operator' },
  ],
  gateway: [
    { verb: 'watch', resource: 'configmaps', name: 'talaria-snapshot' },
    { verb: 'get', resource: 'configmaps', name: 'talaria-snapshot-00a' },
    { verb: 'get', resource: 'secrets', name: 'talaria-credentials-00' },
    { verb: 'patch', resource: 'leases.coordination.k8s.io' },
    { verb: 'patch', resource: 'agents.talaria.dev/status' },
    { verb: 'patch', resource: 'cronjobs.talaria.dev/status' },
  ],
};
