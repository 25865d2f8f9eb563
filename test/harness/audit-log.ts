import { readFile } from 'node:fs/promises';

/** One request as the API server's audit log has it. */
export interface AuditedRequest {
  readonly verb: string;
  readonly group: string;
  /** With its subresource: `agents/status`. */
  readonly resource: string;
  /** '' where the request names no object. */
  readonly name: string;
  readonly code: number;
}

interface AuditEvent {
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly objectRef?: {
    readonly apiGroup?: string;
    readonly resource: string;
    readonly subresource?: string;
    readonly name?: string;
  };
  readonly responseStatus?: { readonly code: number };
}

/**
 * The requests for objects that a ServiceAccount made, as `startControlPlane` logs them. A server-side apply that made
 * its object needs two rights and stands here twice: as patch and as create.
 */
export async function auditedRequests(file: string, namespace: string, account: string): Promise<AuditedRequest[]> {
  const lines = (await readFile(file, 'utf8')).split('\n').filter(Boolean);
  const events = lines.map((line) => JSON.parse(line) as AuditEvent);
  return events.flatMap(({ verb, user, objectRef, responseStatus }) => {
    if (user.username !== `system:serviceaccount:${namespace}:${account}` || objectRef === undefined) return [];
    const { apiGroup: group = '', resource, subresource, name = '' } = objectRef;
    const code = responseStatus?.code ?? 0;
    const request = { verb, group, resource: subresource ? `${resource}/${subresource}` : resource, name, code };
    return verb === 'patch' && code === 201 ? [request, { ...request, verb: 'create' }] : [request];
  });
}
