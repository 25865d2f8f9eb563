import type { HomePath } from './path.ts';

/** Whose files: in every call, so that no store ever guesses. */
export interface FileOwner {
  /** The Agent's name, to which its files belong. */
  readonly name: string;
  /** Recorded beside each file. */
  readonly uid: string;
}

export interface FileInfo {
  readonly path: string;
  readonly bytes: number;
}

/**
 * Keeps files that an agent may change, each by its path in the agent's home. Every call throws FileRefused for what cannot
 * be done as asked, and TalariaError `state_unavailable` while the store cannot be used.
 */
export interface Workspace {
  /** Every file, or those in one folder, by path. */
  readonly list: (owner: FileOwner, folder?: HomePath) => Promise<readonly FileInfo[]>;
  /** Undefined: there is no such file. */
  readonly read: (owner: FileOwner, path: HomePath) => Promise<Buffer | undefined>;
  /** Puts the whole file in place: readers see the old content or the new one. */
  readonly write: (owner: FileOwner, path: HomePath, content: Buffer) => Promise<void>;
  /** False: there was no such file. */
  readonly remove: (owner: FileOwner, path: HomePath) => Promise<boolean>;
}

/** What one file may hold, in bytes. */
export const maxFileBytes = 1024 * 1024;
/** What all rows of one Agent may hold, and how many there may be; the database has the same numbers. */
export const maxAgentBytes = 64 * 1024 * 1024;
export const maxAgentFiles = 2_000;
