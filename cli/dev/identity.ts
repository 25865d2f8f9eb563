import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { canonicalJson } from '../../core/lib/json.ts';

/** What an API server would have given an object: who it is, and how often its spec has changed. */
export interface Identity {
  readonly uid: string;
  readonly generation: number;
}

/** One object of a directory, before it has an identity. */
export interface Unidentified {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly spec: unknown;
}

/**
 * Remembers identities in `<folder>/objects.json`, so that a restart of standalone mode is no new beginning: a uid is
 * the UUIDv5 of kind, namespace and name, and a generation grows with each change of the spec.
 */
export async function openIdentities(folder: string): Promise<Identities> {
  const file = path.join(folder, 'objects.json');
  const known = new Map(Object.entries(await readKnown(file)));
  return {
    identify: (object) => {
      const uid = objectUid(object);
      const spec = createHash('sha256').update(canonicalJson(object.spec)).digest('hex');
      const before = known.get(uid);
      const generation = before === undefined ? 1 : before.spec === spec ? before.generation : before.generation + 1;
      known.set(uid, { generation, spec });
      return { uid, generation };
    },
    save: async () => {
      await mkdir(folder, { recursive: true });
      await writeFile(`${file}.new`, JSON.stringify(Object.fromEntries(known)));
      await rename(`${file}.new`, file);
    },
  };
}

export interface Identities {
  readonly identify: (object: Unidentified) => Identity;
  /** Writes what was learnt since opening; atomic. */
  readonly save: () => Promise<void>;
}

/** The uid of an object of standalone mode. */
export function objectUid(object: Pick<Unidentified, 'kind' | 'namespace' | 'name'>): string {
  return uuidV5(namespaceOfUids, `${object.kind}/${object.namespace}/${object.name}`);
}

/** Made once for Talaria; changing it would make every object of every state folder a new one. */
const namespaceOfUids = '6f0c7f0e-0d3b-4f0a-9a55-3c2a7c8f5d11';

/** RFC 9562, section 5.5: the SHA-1 of a namespace and a name, with version and variant set. */
function uuidV5(namespace: string, name: string): string {
  const hash = createHash('sha1')
    .update(Buffer.from(namespace.replaceAll('-', ''), 'hex'))
    .update(name)
    .digest();
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x50, 6);
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = hash.toString('hex', 0, 16);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

async function readKnown(file: string): Promise<Record<string, { generation: number; spec: string }>> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Record<string, { generation: number; spec: string }>;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {};
    throw new Error(`${file} cannot be read; remove it to start the generations anew`, { cause: error });
  }
}
