import type { Change } from '../core/kube/object-store.ts';
import type { KubeClient, KubeObject, KubeResource, OwnerReference, Written } from '../core/kube/types.ts';

/**
 * Objects of fixed names that only the leading operator writes. Every write is conditional on the version that was read,
 * so that who acts on an old picture gets 409 and changes nothing.
 */
export interface OwnObjects<T extends KubeObject> {
  /** Reads every name from the API server. */
  readonly load: () => Promise<void>;
  /** Reads again what a watch reported and we did not write. */
  readonly refresh: () => Promise<void>;
  /** What is stored, as far as we know. */
  readonly get: (name: string) => T | undefined;
  /** Replaces what is kept of each object, so that contents that nobody asks for again need not lie in memory. */
  readonly keepOnly: (part: (object: T) => T) => void;
  /** Creates or replaces one object. Throws KubeError 409 when it is not what we know. */
  readonly write: (name: string, content: Omit<Written<T>, 'metadata'>, annotations?: Annotations) => Promise<void>;
  /** Takes a change of the watch; true when somebody else made it, so that `refresh` has to look. */
  readonly observe: (change: Change<T>) => boolean;
}

export interface OwnObjectsOptions<T extends KubeObject> {
  readonly client: Pick<KubeClient, 'get' | 'create' | 'replace'>;
  readonly resource: KubeResource<T>;
  readonly names: readonly string[];
  /** Those that garbage collection goes by; asked at each write. */
  readonly ownerReferences: () => readonly OwnerReference[];
  /** Asked before each write. Throws when this process does not lead. */
  readonly demandLeadership: () => void;
}

type Annotations = Readonly<Record<string, string>>;

const labels = {
  'app.kubernetes.io/name': 'talaria',
  'app.kubernetes.io/part-of': 'talaria',
  'app.kubernetes.io/managed-by': 'talaria-operator',
};

/** Versions of our own writes that are remembered of each object: their events arrive late. */
const rememberedVersions = 16;

export function createOwnObjects<T extends KubeObject>(options: OwnObjectsOptions<T>): OwnObjects<T> {
  const { client, resource, names } = options;
  const known = new Map<string, T>();
  const written = new Map<string, string[]>();
  const writing = new Set<string>();
  const doubtful = new Set<string>();

  const read = async (name: string): Promise<void> => {
    doubtful.delete(name);
    const stored = await client.get(resource, name).catch((error: unknown) => {
      doubtful.add(name);
      throw error;
    });
    if (stored === undefined) known.delete(name);
    else known.set(name, stored);
  };

  const isOurs = (name: string, version: string | undefined): boolean =>
    version !== undefined &&
    (known.get(name)?.metadata.resourceVersion === version || written.get(name)?.includes(version) === true);

  const remember = (name: string, object: T): void => {
    known.set(name, object);
    const versions = [...(written.get(name) ?? []), object.metadata.resourceVersion ?? ''];
    written.set(name, versions.slice(-rememberedVersions));
  };

  return {
    load: async () => {
      await Promise.all(names.map(read));
    },
    refresh: async () => {
      await Promise.all([...doubtful].map(read));
    },
    get: (name) => known.get(name),
    keepOnly: (part) => {
      for (const [name, object] of known) known.set(name, part(object));
    },
    write: async (name, content, annotations) => {
      options.demandLeadership();
      const before = known.get(name);
      const ownerReferences = options.ownerReferences();
      const metadata = { name, labels, ...(annotations && { annotations }), ownerReferences };
      writing.add(name);
      try {
        const object =
          before === undefined
            ? await client.create(resource, { ...content, metadata } as unknown as Written<T>)
            : await client.replace(resource, {
                ...content,
                metadata: { ...metadata, ...versionOf(before) },
              } as unknown as Written<T>);
        remember(name, object);
      } finally {
        writing.delete(name);
      }
    },
    observe: ({ type, object }) => {
      const { name, resourceVersion } = object.metadata;
      if (!names.includes(name)) return false;
      if (type === 'deleted' ? !known.has(name) : isOurs(name, resourceVersion)) return false;
      doubtful.add(name);
      return !writing.has(name);
    },
  };
}

function versionOf({ metadata }: KubeObject): { resourceVersion?: string; uid?: string } {
  const { resourceVersion, uid } = metadata;
  return { ...(resourceVersion !== undefined && { resourceVersion }), ...(uid !== undefined && { uid }) };
}
