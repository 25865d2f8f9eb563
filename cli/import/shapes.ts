import { isRecord } from '../../crds/problem.ts';
import type { Draft } from './draft.ts';
import { member } from './fields.ts';

/** Notes each part of a configuration that is there and not of the shape by which it is read: nothing of it is imported. */
export function noteShapes(
  draft: Draft,
  config: unknown,
  { lists, mappings }: { readonly lists: readonly string[]; readonly mappings: readonly string[] },
): void {
  for (const [places, is, shape] of [
    [lists, Array.isArray, 'list'],
    [mappings, isRecord, 'mapping'],
  ] as const) {
    for (const place of places) {
      const value = member(config, ...place.split('.'));
      if (value === undefined || value === null || is(value)) continue;
      draft.note('left out', place, `It is no ${shape}, so nothing of it is here.`);
    }
  }
}
