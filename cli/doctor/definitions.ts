import { apiVersion } from '../../crds/common.ts';
import { type Finding, findings } from './finding.ts';
import { type Reading, unread } from './reading.ts';

/** What the API server knows of the three kinds. */
export interface DefinitionFacts {
  /** Fields that this release knows and the cluster does not; a kind alone where it is not served. */
  readonly missing: Reading<readonly string[]>;
  /** Names of CRDs that are stored and not established, with what the API server says of them. */
  readonly unestablished: Reading<readonly string[]>;
}

/** Whether the CRDs are there, established, and as new as this release. */
export function judgeDefinitions({ missing, unestablished }: DefinitionFacts): readonly Finding[] {
  const { ok, fail } = findings('CRDs');
  if ('failure' in missing) return [unread('CRDs', 'What is served', missing.failure)];
  if ('value' in unestablished && unestablished.value.length > 0) {
    return [
      fail(
        `Stored and not established: ${unestablished.value.join('; ')}.`,
        'Delete what has taken its names, or apply them anew.',
      ),
    ];
  }
  const absent = missing.value.filter((field) => !field.includes(':'));
  if (absent.length > 0) return [fail(`Not served: ${absent.join(', ')} of ${apiVersion}.`, apply)];
  if (missing.value.length === 0) return [ok('as this release has them')];
  const shown = missing.value.slice(0, 5).join(', ');
  const more = missing.value.length > 5 ? ` and ${missing.value.length - 5} more` : '';
  return [fail(`Older than this release: they lack ${shown}${more}, which is dropped from what is applied.`, apply)];
}

const apply =
  'Apply those of the release that is installed: kubectl apply --server-side --force-conflicts -f charts/talaria/crds';
