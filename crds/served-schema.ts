import type { Kind } from './common.ts';
import { inertNote } from './limited.ts';
import { type SchemaNode, structuralSchema } from './structural-schema.ts';

/**
 * The schema of a kind for its CRD. Descriptions also say default and bounds, which `kubectl explain` does not show,
 * and what of a field is not acted on yet.
 * Defaults inside lists are left to the operator: when the API server fills them in, the stored list differs from the
 * applied one for ever, and Argo CD and a second `kubectl apply` take it for a change.
 */
export function servedSchema(kind: Kind): SchemaNode {
  const { properties = {}, ...root } = structuralSchema(kind);
  const { spec = {}, status = {}, ...rest } = properties;
  const place = (path: string): Place => ({ kind, path, inList: false });
  return {
    ...root,
    properties: { ...rest, spec: served(spec, place('spec')), status: served(status, place('status')) },
  };
}

interface Place {
  readonly kind: Kind;
  readonly path: string;
  readonly inList: boolean;
}

function served(node: SchemaNode, place: Place): SchemaNode {
  const { default: preset, description, properties, items, ...rest } = node;
  return {
    ...rest,
    ...(description === undefined ? {} : { description: fullDescription(description, node, place) }),
    ...(preset === undefined || place.inList ? {} : { default: preset }),
    ...(properties === undefined ? {} : { properties: servedMembers(properties, place) }),
    ...(items === undefined ? {} : { items: served(items, { ...place, path: `${place.path}[]`, inList: true }) }),
  };
}

function fullDescription(description: string, node: SchemaNode, { kind, path }: Place): string {
  return [description, ...facts(node), inertNote(kind, path)].filter((sentence) => sentence !== '').join(' ');
}

function servedMembers(
  properties: Readonly<Record<string, SchemaNode>>,
  { kind, path, inList }: Place,
): Record<string, SchemaNode> {
  return Object.fromEntries(
    Object.entries(properties).map(([name, node]) => [name, served(node, { kind, path: `${path}.${name}`, inList })]),
  );
}

/** Bounds and default of a node as sentences. */
export function facts(node: SchemaNode): string[] {
  return [bounds(node), preset(node)].filter((fact) => fact !== undefined);
}

function bounds(node: SchemaNode): string | undefined {
  if (node.type === 'array') {
    return node.minItems === undefined
      ? `At most ${node.maxItems} entries.`
      : `${node.minItems} to ${node.maxItems} entries.`;
  }
  if (node.type === 'string' && node.enum === undefined && node.format === undefined) {
    return `At most ${node.maxLength} characters.`;
  }
  const { minimum, maximum } = node;
  if (minimum === undefined || maximum === undefined) return undefined;
  return maximum === Number.MAX_SAFE_INTEGER ? undefined : `From ${minimum} to ${maximum}.`;
}

function preset(node: SchemaNode): string | undefined {
  return node.default === undefined || typeof node.default === 'object' ? undefined : `Default: ${node.default}.`;
}
