import { kubectl } from './kubectl.ts';

/** One thing that somebody may or may not do, as in a SelfSubjectAccessReview. */
export interface Access {
  readonly verb: string;
  /** `pods`, or with its group `deployments.apps`. */
  readonly resource: string;
  readonly subresource?: string;
  readonly name?: string;
  readonly namespace: string;
}

/** Asks the API server, as the owner of a kubeconfig, which of these are allowed. The answers keep the order. */
export async function mayDo(kubeconfig: string, wishes: readonly Access[]): Promise<boolean[]> {
  const items = wishes.map((wish) => ({
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes: attributes(wish) },
  }));
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  const template = '{.status.allowed}{"\\n"}';
  const answers = await kubectl(kubeconfig, ['create', '-f', '-', '-o', `jsonpath=${template}`], list);
  return answers
    .trim()
    .split('\n')
    .map((answer) => answer === 'true');
}

function attributes({ resource, ...rest }: Access): Record<string, string> {
  const [plural = '', ...group] = resource.split('.');
  return { ...rest, resource: plural, group: group.join('.') };
}
