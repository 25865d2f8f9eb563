import type { KubeObject } from './types.ts';

/** One difference between what was known and what is. `previous` is what was known before. */
export type Change<T extends KubeObject> =
  | { readonly type: 'added'; readonly object: T }
  | { readonly type: 'modified'; readonly object: T; readonly previous: T }
  | { readonly type: 'deleted'; readonly object: T };

/** Objects by name. Every update says what changed; an object that was deleted and made again is both. */
export interface ObjectStore<T extends KubeObject> {
  readonly get: (name: string) => T | undefined;
  readonly values: () => readonly T[];
  readonly put: (object: T) => readonly Change<T>[];
  readonly remove: (object: T) => readonly Change<T>[];
  /** Takes the list for the whole truth. */
  readonly replaceAll: (objects: readonly T[]) => readonly Change<T>[];
}

export function createObjectStore<T extends KubeObject>(): ObjectStore<T> {
  const objects = new Map<string, T>();

  const put = (object: T): readonly Change<T>[] => {
    const previous = objects.get(object.metadata.name);
    objects.set(object.metadata.name, object);
    return changesBetween(previous, object);
  };

  const remove = ({ metadata: { name } }: T): readonly Change<T>[] => {
    const known = objects.get(name);
    objects.delete(name);
    return known === undefined ? [] : [{ type: 'deleted', object: known }];
  };

  return {
    get: (name) => objects.get(name),
    values: () => [...objects.values()],
    put,
    remove,
    replaceAll: (listed) => {
      const names = new Set(listed.map((object) => object.metadata.name));
      const gone = [...objects.values()].filter((object) => !names.has(object.metadata.name));
      return [...gone.flatMap(remove), ...listed.flatMap(put)];
    },
  };
}

function changesBetween<T extends KubeObject>(previous: T | undefined, object: T): readonly Change<T>[] {
  if (previous === undefined) return [{ type: 'added', object }];
  if (previous.metadata.uid !== object.metadata.uid) {
    return [
      { type: 'deleted', object: previous },
      { type: 'added', object },
    ];
  }
  if (previous.metadata.resourceVersion === object.metadata.resourceVersion) return [];
  return [{ type: 'modified', object, previous }];
}
