import { hasStatus } from '../core/kube/kube-error.ts';
import type { KubeClient } from '../core/kube/types.ts';
import { apiVersion, type Kind, kinds } from '../crds/common.ts';
import { isRecord } from '../crds/problem.ts';
import { type SchemaNode, structuralSchema } from '../crds/structural-schema.ts';

/**
 * Fields that this release knows and the CRDs of the cluster do not, such as `Route: spec.priority`; a kind that is not
 * served at all is named alone. Any authenticated account may read what the API server says about its schemas.
 */
export async function missingFields(client: Pick<KubeClient, 'request'>): Promise<readonly string[]> {
  const served = await servedSchemas(client);
  return (Object.keys(kinds) as Kind[]).flatMap((kind) => {
    const schema = served.find((candidate) => isSchemaOf(candidate, kind));
    if (schema === undefined) return [kind];
    return missingIn(structuralSchema(kind), schema, []).map((path) => `${kind}: ${path.join('.')}`);
  });
}

async function servedSchemas(client: Pick<KubeClient, 'request'>): Promise<readonly Record<string, unknown>[]> {
  try {
    const document = await client.request({ method: 'GET', path: `/openapi/v3/apis/${apiVersion}` });
    const components = isRecord(document) && isRecord(document.components) ? document.components : {};
    return Object.values(isRecord(components.schemas) ? components.schemas : {}).filter(isRecord);
  } catch (error) {
    if (hasStatus(error, 404)) return [];
    throw error;
  }
}

function isSchemaOf(schema: Readonly<Record<string, unknown>>, kind: Kind): boolean {
  const identities = schema['x-kubernetes-group-version-kind'];
  return Array.isArray(identities) && identities.some((identity) => isRecord(identity) && identity.kind === kind);
}

/** Of what we know only `spec` and `status` are our own; of a list the fields of its entries count. */
function missingIn(known: SchemaNode, served: unknown, path: readonly string[]): readonly (readonly string[])[] {
  const there = withoutList(served);
  const properties = isRecord(there) && isRecord(there.properties) ? there.properties : {};
  return Object.entries(fieldsOf(known)).flatMap(([name, node]) => {
    if (path.length === 0 && name !== 'spec' && name !== 'status') return [];
    const below = [...path, name];
    return name in properties ? missingIn(node, properties[name], below) : [below];
  });
}

function fieldsOf(node: SchemaNode): Readonly<Record<string, SchemaNode>> {
  return node.properties ?? (node.items === undefined ? {} : fieldsOf(node.items));
}

function withoutList(schema: unknown): unknown {
  return isRecord(schema) && isRecord(schema.items) ? withoutList(schema.items) : schema;
}
