import type { FileStores } from '../../../../gateway/files/agent-files.ts';
import type { DirectoryWorkspace } from '../../../../gateway/files/directory-workspace.ts';
import type { FileOwner, Workspace } from '../../../../gateway/files/workspace.ts';

/** Stores in memory, and what they were asked. */
export interface MemoryStores extends FileStores {
  readonly volumes: DirectoryWorkspace;
  /** `<agent>:<path>` -> content. */
  readonly stored: Map<string, string>;
  readonly onVolumes: Map<string, string>;
}

/** Empty ones. */
export function memoryStores(): MemoryStores {
  const stored = new Map<string, string>();
  const onVolumes = new Map<string, string>();
  const seeded = new Set<string>();
  const rows = memoryWorkspace(stored);
  const volumes = memoryWorkspace(onVolumes);
  return {
    stored,
    onVolumes,
    rows,
    volumes: {
      ...volumes,
      writeNew: async (owner, path, content) => {
        if ((await volumes.read(owner, path)) === undefined) await volumes.write(owner, path, content);
      },
    },
    seeds: {
      unseeded: async (owner, paths) => paths.filter((path) => !seeded.has(keyOf(owner, path))),
      seed: async (owner, path, content) => {
        if ((await rows.read(owner, path)) === undefined) await rows.write(owner, path, content);
        seeded.add(keyOf(owner, path));
      },
      note: async (owner, path) => {
        seeded.add(keyOf(owner, path));
      },
    },
  };
}

function memoryWorkspace(files: Map<string, string>): Workspace {
  return {
    list: async (owner, folder) =>
      [...files]
        .filter(([key]) => key.startsWith(keyOf(owner, folder === undefined ? '' : `${folder}/`)))
        .map(([key, text]) => ({ path: key.slice(owner.name.length + 1), bytes: Buffer.byteLength(text) })),
    read: async (owner, path) => {
      const text = files.get(keyOf(owner, path));
      return text === undefined ? undefined : Buffer.from(text);
    },
    write: async (owner, path, content) => {
      files.set(keyOf(owner, path), content.toString());
    },
    remove: async (owner, path) => files.delete(keyOf(owner, path)),
  };
}

function keyOf({ name }: FileOwner, path: string): string {
  return `${name}:${path}`;
}
