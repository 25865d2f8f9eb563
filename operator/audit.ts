import { audit } from '../core/lib/audit.ts';
import { canonicalJson } from '../core/lib/json.ts';
import type { Logger } from '../core/lib/log.ts';
import type { SnapshotContent } from '../core/snapshot/schema.ts';
import type { Kind } from '../crds/common.ts';
import type { Publication } from './publish.ts';
import type { ObjectReport } from './translate/report.ts';

/** Records what becomes of the configuration: each change that took effect, and each that did not. */
export interface ConfigurationAudit {
  /** Records every entry that is another in `after`, which was published. What a new leader finds published is `before`. */
  readonly published: (before: SnapshotContent, after: SnapshotContent, publication: Publication) => void;
  /** Records objects whose newest generation is not accepted, each generation once while this process leads. */
  readonly reported: (objects: readonly ObjectReport[]) => void;
}

export interface ConfigurationAuditOptions {
  /** Who wrote the object of this name; empty when it is not known any more. */
  readonly managersOf: (kind: Kind, name: string) => readonly string[];
  readonly log: Logger;
}

/** Makes a ConfigurationAudit. */
export function createConfigurationAudit({ managersOf, log }: ConfigurationAuditOptions): ConfigurationAudit {
  let refused: ReadonlySet<string> = new Set();
  return {
    published: (before, after, publication) => {
      for (const { kind, list } of lists) {
        for (const { change, entry, cause } of changesOf(before[list], after[list])) {
          const { name, uid, generation } = entry;
          const fieldManagers = kind === 'GatewayKey' ? [] : managersOf(kind, name);
          audit(log, 'configuration.changed', {
            change,
            cause,
            kind,
            name,
            uid,
            generation,
            fieldManagers,
            ...publication,
          });
        }
      }
    },
    reported: (objects) => {
      const now = new Set<string>();
      for (const { kind, name, uid, generation, verdicts } of objects) {
        const verdict = verdicts.find(({ type }) => type === 'Accepted');
        if (verdict?.status !== 'False') continue;
        const key = `${uid} ${generation}`;
        now.add(key);
        if (refused.has(key)) continue;
        const { reason } = verdict;
        audit(log, 'configuration.refused', {
          kind,
          name,
          uid,
          generation,
          fieldManagers: managersOf(kind, name),
          reason,
        });
      }
      refused = now;
    },
  };
}

const lists = [
  { kind: 'Agent', list: 'agents' },
  { kind: 'Route', list: 'routes' },
  { kind: 'CronJob', list: 'jobs' },
  { kind: 'GatewayKey', list: 'gatewayKeys' },
] as const;

interface AuditedEntry {
  readonly name: string;
  readonly uid: string;
  /** Of a gateway key there is none. */
  readonly generation?: number;
}

interface EntryChange {
  readonly change: 'created' | 'updated' | 'removed';
  /** `reference`: the object is the same, and what it refers to is another, such as a Secret. */
  readonly cause?: 'spec' | 'reference';
  readonly entry: AuditedEntry;
}

/** Both lists are sorted by name; an entry that did not change is the same value, so that one change costs one look each. */
function* changesOf(before: readonly AuditedEntry[], after: readonly AuditedEntry[]): Generator<EntryChange> {
  if (before === after) return;
  let at = 0;
  for (const entry of after) {
    for (let old = before[at]; old !== undefined && old.name < entry.name; old = before[at]) {
      yield { change: 'removed', entry: old };
      at += 1;
    }
    const old = before[at];
    if (old?.name !== entry.name) {
      yield { change: 'created', entry };
      continue;
    }
    at += 1;
    if (old.uid !== entry.uid) {
      yield { change: 'removed', entry: old };
      yield { change: 'created', entry };
    } else if (old !== entry && canonicalJson(old) !== canonicalJson(entry)) {
      const cause = old.generation === entry.generation ? 'reference' : 'spec';
      yield { change: 'updated', cause, entry };
    }
  }
  for (const old of before.slice(at)) yield { change: 'removed', entry: old };
}
