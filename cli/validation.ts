import { limitedFields } from '../crds/limited.ts';
import type { Problem } from '../crds/problem.ts';
import { type Verdict, verdict } from '../crds/verdict.ts';
import { dataObjectProblems } from './data-objects.ts';
import { identityOf, type Manifest, type ManifestProblem, notFound, readManifests, titleOf } from './manifests.ts';

/** What `talaria validate -o json` prints. */
export interface ValidationReport {
  readonly objects: readonly JudgedObject[];
  /** Files that cannot be read, and objects that stand twice. */
  readonly unreadable: readonly ManifestProblem[];
  /** Objects of other groups, which are not checked. */
  readonly ignored: readonly { readonly file: string; readonly line: number; readonly object: string }[];
}

/** One object and what becomes of it. */
export interface JudgedObject {
  readonly file: string;
  readonly line: number;
  /** `Kind/name`. */
  readonly object: string;
  readonly verdict: Verdict['verdict'];
  readonly problems: readonly (Problem & { readonly line: number })[];
  /** Fields that this version stores and does not act on. */
  readonly limited: readonly string[];
}

/** Judges every object of the paths; `old` is a path with the stored objects. Reads files and nothing else. */
export async function validate(paths: readonly string[], old?: string): Promise<ValidationReport> {
  const [manifests, stored] = await Promise.all([readManifests(paths), readManifests(old === undefined ? [] : [old])]);
  const storedValues = new Map(stored.documents.map(({ value }) => [identityOf(value), value]));
  const objects = manifests.documents.map((document) => judge(document, storedValues.get(identityOf(document.value))));
  return {
    objects: await Promise.all(objects),
    unreadable: [...manifests.problems, ...stored.problems],
    ignored: manifests.ignored.map(({ file, line, value, apiVersion }) => ({
      file,
      line,
      object: `${titleOf(value)} of ${apiVersion}`,
    })),
  };
}

/** 0: everything is accepted; 1: something is not; 2: there is nothing to judge, or a path is wrong. */
export function exitCodeOf({ objects, unreadable, ignored }: ValidationReport): number {
  const nothing = objects.length + unreadable.length + ignored.length === 0;
  if (nothing || unreadable.some(({ reason }) => reason === notFound)) return 2;
  return unreadable.length > 0 || objects.some((object) => object.verdict !== 'Accepted') ? 1 : 0;
}

async function judge(document: Manifest, old: unknown): Promise<JudgedObject> {
  const { verdict, problems, object } = await judgeValue(document, old);
  return {
    file: document.file,
    line: document.line,
    object: titleOf(document.value),
    verdict,
    problems: problems.map((problem) => ({ ...problem, line: document.lineOf(problem.path) })),
    limited: object === undefined ? [] : limitedFields(object),
  };
}

async function judgeValue({ apiVersion, value }: Manifest, old: unknown): Promise<Verdict> {
  if (apiVersion !== 'v1') return verdict(value, old);
  const problems = dataObjectProblems(value);
  return { verdict: problems.length > 0 ? 'Refused' : 'Accepted', problems };
}
