import { apiVersion, type Kind } from '../../crds/common.ts';

/** A manifest of Talaria, as it will be written. */
export interface DraftObject {
  readonly apiVersion: typeof apiVersion;
  readonly kind: Kind;
  readonly metadata: { readonly name: string };
  readonly spec: Readonly<Record<string, unknown>>;
}

/** A Secret that the manifests name. */
export interface DraftSecret {
  readonly name: string;
  /** The one Agent that may use it. */
  readonly agent: string;
  /** The host that it may be sent to; undefined where the platform is. */
  readonly host: string | undefined;
  readonly keys: readonly {
    readonly key: string;
    /** Where the value stood, in words. */
    readonly from: string;
    /** Undefined when it was not found. */
    readonly value: string | undefined;
  }[];
}

/** Where the result means something else than the source did. */
export interface Difference {
  /** Where in the source, such as `routes[2]`. */
  readonly source: string;
  /** `changed`: it is there and means something else. `left out`: it is not there. `to do`: it needs a person. */
  readonly effect: 'changed' | 'left out' | 'to do';
  readonly message: string;
}

/** What an import has made so far. */
export interface Draft {
  readonly objects: readonly DraftObject[];
  readonly secrets: readonly DraftSecret[];
  readonly differences: readonly Difference[];
  readonly add: (kind: Kind, name: string, spec: Readonly<Record<string, unknown>>) => void;
  /** Adds a Secret, unless one of its name is there. Gives its name. */
  readonly addSecret: (secret: DraftSecret) => string;
  readonly note: (effect: Difference['effect'], source: string, message: string) => void;
  /** A name for an object that is one of Kubernetes and not taken; a note tells when it had to change. */
  readonly name: (kind: Kind, wanted: string, source: string) => string;
}

/** An import that has made nothing yet. */
export function createDraft(): Draft {
  const objects: DraftObject[] = [];
  const secrets = new Map<string, DraftSecret>();
  const differences: Difference[] = [];
  const taken = new Set<string>();
  const note: Draft['note'] = (effect, source, message) => {
    differences.push({ source, effect, message });
  };
  return {
    objects,
    get secrets() {
      return [...secrets.values()];
    },
    differences,
    note,
    add: (kind, name, spec) => objects.push({ apiVersion, kind, metadata: { name }, spec }),
    addSecret: (secret) => {
      if (!secrets.has(secret.name)) secrets.set(secret.name, secret);
      return secret.name;
    },
    name: (kind, wanted, source) => {
      const name = freeName(toLabel(wanted), (candidate) => taken.has(`${kind}/${candidate}`));
      taken.add(`${kind}/${name}`);
      if (name !== wanted) note('changed', source, `"${wanted}" is ${kind}/${name} here.`);
      return name;
    },
  };
}

const maxLength = 40;

/** The nearest name that an Agent, Route, CronJob, rule, account or target may have. */
export function toLabel(text: string): string {
  const label = text
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, maxLength)
    .replace(/^-+|-+$/g, '');
  return label === '' ? 'unnamed' : label;
}

function freeName(label: string, isTaken: (name: string) => boolean): string {
  for (let at = 1; ; at += 1) {
    const suffix = at === 1 ? '' : `-${at}`;
    const name = `${label.slice(0, maxLength - suffix.length).replace(/-+$/, '')}${suffix}`;
    if (!isTaken(name)) return name;
  }
}
