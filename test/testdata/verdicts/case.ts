import type { Kind } from '../../../crds/common.ts';

/** One manifest and what must become of it, on an API server with the operator as well as with `talaria validate`. */
export interface VerdictCase {
  readonly title: string;
  readonly kind: Kind;
  readonly verdict: 'Refused' | 'NotAccepted' | 'Accepted';
  /** The field that is reported; '' when accepted. */
  readonly field: string;
  /** The reason of the condition Accepted; '' unless not accepted. */
  readonly reason: string;
  readonly manifest: Manifest;
  /** The object that is stored when the manifest comes. */
  readonly old?: Manifest;
}

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: Kind;
  readonly metadata: { readonly name: string; readonly [field: string]: unknown };
  readonly [field: string]: unknown;
}

interface Expected {
  readonly verdict: VerdictCase['verdict'];
  readonly field: string;
  readonly reason: string;
}

export function refused(field: string): Expected {
  return { verdict: 'Refused', field, reason: '' };
}

export function notAccepted(reason: string, field: string): Expected {
  return { verdict: 'NotAccepted', field, reason };
}

export const accepted: Expected = { verdict: 'Accepted', field: '', reason: '' };

/** Makes a case of a kind. `extra` takes what is not spec: metadata, the stored object's spec, other members. */
export function caseOf(kind: Kind) {
  return (title: string, expected: Expected, spec: unknown, extra: Extra = {}): VerdictCase => {
    const { metadata = {}, old, ...members } = extra;
    const name = nameOf(kind, title);
    const manifest = (content: unknown) => ({
      apiVersion: 'talaria.dev/v1alpha1',
      kind,
      metadata: { name, ...metadata },
      ...(content === undefined ? {} : { spec: content }),
      ...members,
    });
    return { title, kind, ...expected, manifest: manifest(spec), ...(old === undefined ? {} : { old: manifest(old) }) };
  };
}

interface Extra {
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly old?: unknown;
  readonly [member: string]: unknown;
}

let made = 0;

function nameOf(kind: Kind, title: string): string {
  made += 1;
  const words = title.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  return `${kind.toLowerCase()}-${made}-${words}`.slice(0, 38).replace(/-+$/, '');
}

/** `count` values, each made from its index. */
export function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}
