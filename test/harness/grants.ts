import type { AuditedRequest } from './audit-log.ts';
import type { TestNamespace } from './namespace.ts';

/** One verb of one resource that a Role allows; about the objects of these names only, if there are any. */
export interface Grant {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly names: readonly string[] | undefined;
}

interface Role {
  readonly rules: readonly {
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly resourceNames?: readonly string[];
    readonly verbs: readonly string[];
  }[];
}

/** What a Role of a namespace allows, verb by verb. */
export async function grantsOf(namespace: TestNamespace, role: string): Promise<Grant[]> {
  const { rules } = JSON.parse(await namespace.kubectl(['get', 'role', role, '-o', 'json'])) as Role;
  return rules.flatMap(({ apiGroups, resources, resourceNames: names, verbs }) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((resource) => verbs.map((verb) => ({ verb, group, resource, names }))),
    ),
  );
}

/** Those without which the others would have allowed every one of the requests. */
export function needless(grants: readonly Grant[], requests: readonly AuditedRequest[]): Grant[] {
  return grants.filter((grant) => {
    const others = grants.filter((other) => other !== grant);
    return requests.every((request) => !allows(grant, request) || others.some((other) => allows(other, request)));
  });
}

function allows({ verb, group, resource, names }: Grant, request: AuditedRequest): boolean {
  if (verb !== request.verb || group !== request.group || resource !== request.resource) return false;
  return names === undefined || names.includes(request.name);
}
