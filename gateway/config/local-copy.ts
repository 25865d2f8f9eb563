import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Logger } from '../../core/lib/log.ts';
import type { SnapshotIndex } from '../../core/snapshot/schema.ts';

/** The last good snapshot on local disk: the index, and each bucket under its hash. Never a credential. */
export interface LocalCopy {
  /** Remembers the text of a bucket for the next `save`. */
  readonly add: (sha256: string, text: string) => void;
  /** Writes, in the background, the index and those of its buckets that are not on disk. A failure is only logged. */
  readonly save: (index: SnapshotIndex) => void;
  /** The saved index; undefined when there is none. It is not verified. */
  readonly readIndex: () => Promise<string | undefined>;
  /** The text of a saved bucket; undefined when there is none. It is not verified. */
  readonly readBucket: (sha256: string) => Promise<string | undefined>;
  /** Waits for what is being written. */
  readonly stop: () => Promise<void>;
}

const indexFile = 'index.json';

/** Keeps the copy in `folder`, which is made when it is missing. */
export function createLocalCopy(folder: string, log: Logger): LocalCopy {
  /** Texts that are not on disk yet, by hash: those of the latest index, and those added since. */
  const unsaved = new Map<string, string>();
  let latest: SnapshotIndex | undefined;
  let writing: Promise<void> | undefined;

  const write = async (): Promise<void> => {
    for (let index = latest; index !== undefined; index = latest) {
      latest = undefined;
      await store(folder, index, unsaved).catch((error: unknown) => {
        log.warn({ err: error, folder }, 'cannot save the local copy of the snapshot');
      });
    }
    writing = undefined;
  };

  return {
    add: (hash, text) => {
      unsaved.set(hash, text);
    },
    save: (index) => {
      const named = hashesOf(index);
      for (const hash of unsaved.keys()) if (!named.has(hash)) unsaved.delete(hash);
      latest = index;
      writing ??= write();
    },
    readIndex: () => readIfThere(path.join(folder, indexFile)),
    readBucket: (hash) => readIfThere(path.join(folder, bucketFile(hash))),
    stop: async () => {
      await writing;
    },
  };
}

/** Buckets first, then the index that names them, then away with what it does not name. */
async function store(folder: string, index: SnapshotIndex, unsaved: Map<string, string>): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const named = hashesOf(index);
  for (const hash of named) {
    const text = unsaved.get(hash);
    if (text === undefined) continue;
    await writeWhole(path.join(folder, bucketFile(hash)), text);
    unsaved.delete(hash);
  }
  await writeWhole(path.join(folder, indexFile), JSON.stringify(index));
  const kept = new Set([indexFile, ...[...named].map(bucketFile)]);
  for (const file of await readdir(folder)) {
    if (!kept.has(file)) await rm(path.join(folder, file), { force: true });
  }
}

function hashesOf(index: SnapshotIndex): ReadonlySet<string> {
  return new Set(index.buckets.map((bucket) => bucket.sha256));
}

/** A reader sees the old text or the new one, also after a crash; the hashes tell a torn file. */
async function writeWhole(file: string, text: string): Promise<void> {
  const temporary = `${file}.new`;
  await writeFile(temporary, text, { mode: 0o600 });
  await rename(temporary, file);
}

async function readIfThere(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch(() => undefined);
}

function bucketFile(hash: string): string {
  return `${hash}.json`;
}
