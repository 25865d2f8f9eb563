import { sha256 } from '../../core/lib/hash.ts';
import { emptyTextHash } from './resolver.ts';

interface TextSource {
  readonly inline?: string | undefined;
  readonly configMapKeyRef?: ObjectRef | undefined;
}

interface ObjectRef {
  readonly name: string;
  readonly key?: string;
}

/** Collects, while an entry is made from a spec, its inline texts and the sources of all its other places. */
export function textSources(): {
  /** Hash of an inline text; of the empty text for one in a ConfigMap, which is noted as the source of the place. */
  readonly hashOf: (place: string, source: TextSource) => string;
  readonly addSource: (place: string, ref: ObjectRef | undefined) => void;
  readonly texts: ReadonlyMap<string, string>;
  readonly sources: Readonly<Record<string, string>>;
} {
  const texts = new Map<string, string>();
  const sources: Record<string, string> = {};
  const addSource = (place: string, ref: ObjectRef | undefined): void => {
    if (ref !== undefined) sources[place] = ref.key === undefined ? ref.name : `${ref.name}/${ref.key}`;
  };
  return {
    texts,
    sources,
    addSource,
    hashOf: (place, source) => {
      addSource(place, source.configMapKeyRef);
      if (source.inline === undefined) return emptyTextHash;
      const hash = sha256(source.inline);
      texts.set(hash, source.inline);
      return hash;
    },
  };
}
