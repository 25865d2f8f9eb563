import type { Compilation } from './translate/compilation.ts';
import type { ObjectReport } from './translate/report.ts';

/** An object whose last good generation may have served, and serves no more because its published entry is damaged. */
export type LostEntry = Pick<ObjectReport, 'kind' | 'name' | 'uid'>;

/**
 * The objects that a damaged snapshot takes out of service: their newest generation is not accepted, and the last
 * accepted one could not be read. All others come back by themselves.
 */
export function lostEntries(
  { agents, cronJobs, routes }: Pick<Compilation, 'agents' | 'cronJobs' | 'routes'>,
  isUnreadable: (uid: string) => boolean,
): readonly LostEntry[] {
  return [...agents, ...cronJobs, ...routes]
    .filter(({ declared, entry, rejection }) => {
      return entry === undefined && rejection !== undefined && isUnreadable(declared.uid);
    })
    .map(({ declared: { kind, name, uid } }) => ({ kind, name, uid }));
}
