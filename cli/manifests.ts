import { readFile, stat } from 'node:fs/promises';
import { isRecord, type Problem } from '../crds/problem.ts';
import { manifestFiles } from './manifest-files.ts';
import { parseYaml } from './yaml-documents.ts';

/** One object of a manifest file. */
export interface Manifest {
  readonly file: string;
  /** Where it begins, from 1. */
  readonly line: number;
  /** '' when the document does not say. */
  readonly apiVersion: string;
  /** Plain data, as kubectl would send it; whole numbers beyond 2^53 are bigint, so that no digit is lost. */
  readonly value: unknown;
  /** The line of a field such as `spec.rules[0].name`, or of the nearest field around it that is there. */
  readonly lineOf: (field: string) => number;
}

/** Something that cannot be read, or an object that stands twice. `line` is 1 where the whole file is meant. */
export interface ManifestProblem extends Problem {
  readonly file: string;
  readonly line: number;
}

/** What manifest files hold. */
export interface Manifests {
  /** Objects of the group talaria.dev, Secrets, ConfigMaps, and whatever does not say what it is. */
  readonly documents: readonly Manifest[];
  readonly problems: readonly ManifestProblem[];
  /** Objects of other groups and kinds, which are no concern of Talaria. */
  readonly ignored: readonly Manifest[];
}

/**
 * Reads manifest files, and folders with everything in them, in the order of their paths; a `List` is taken apart. What
 * cannot be read is a problem, never an exception.
 */
export async function readManifests(paths: readonly string[]): Promise<Manifests> {
  const places = await Promise.all(paths.map(filesOf));
  const files = [...new Set(places.flatMap(({ files }) => files))];
  const read = await Promise.all(files.map(readOne));
  const everything = read.flatMap(({ documents }) => documents);
  const documents = everything.filter(({ value }) => isOurs(value));
  return {
    documents,
    problems: [...[...places, ...read].flatMap(({ problems }) => problems), ...twins(documents)],
    ignored: everything.filter(({ value }) => !isOurs(value)),
  };
}

/** `Kind/name`, as people name an object; parts that the document lacks say so. */
export function titleOf(value: unknown): string {
  if (!isRecord(value)) return 'a document that is not an object';
  const name = isRecord(value.metadata) && typeof value.metadata.name === 'string' ? value.metadata.name : '(no name)';
  return `${typeof value.kind === 'string' ? value.kind : '(no kind)'}/${name}`;
}

/** The reason of a problem with a path that is not there. */
export const notFound = 'NotFound';

async function filesOf(place: string) {
  try {
    return { files: await manifestFiles(place), problems: [] };
  } catch (error) {
    return { files: [], problems: [unreadable(place, error)] };
  }
}

const maxFileBytes = 16 * 1024 * 1024;

async function readOne(file: string): Promise<Omit<Manifests, 'ignored'>> {
  try {
    const { size } = await stat(file);
    if (size > maxFileBytes) return { documents: [], problems: [tooLarge(file, size)] };
    const { documents, faults } = parseYaml(await readFile(file, 'utf8'));
    return {
      documents: documents.flatMap(({ value, lineOf }) => manifestsOf(file, value, lineOf)),
      problems: faults.map((fault) => ({ file, path: '', reason: 'Unreadable', ...fault })),
    };
  } catch (error) {
    return { documents: [], problems: [unreadable(file, error)] };
  }
}

function manifestsOf(file: string, value: unknown, lineOf: Manifest['lineOf']): Manifest[] {
  if (value === null || value === undefined) return [];
  if (!isRecord(value) || value.apiVersion !== 'v1' || value.kind !== 'List' || !Array.isArray(value.items)) {
    return [manifest(file, value, lineOf)];
  }
  return value.items.map((item: unknown, index) =>
    manifest(file, item, (field) => lineOf(`items[${index}]${field === '' ? '' : `.${field}`}`)),
  );
}

function manifest(file: string, value: unknown, lineOf: Manifest['lineOf']): Manifest {
  const apiVersion = isRecord(value) && typeof value.apiVersion === 'string' ? value.apiVersion : '';
  return { file, line: lineOf(''), apiVersion, value, lineOf };
}

/** Which of two documents for one object is meant would depend on the order of files, so it is not guessed. */
function twins(documents: readonly Manifest[]): ManifestProblem[] {
  const seen = new Map<string, Manifest>();
  return documents.flatMap((document) => {
    const { file, line, value } = document;
    const first = seen.get(identityOf(value));
    seen.set(identityOf(value), first ?? document);
    if (first === undefined) return [];
    const message = `${titleOf(value)} is also in ${first.file}:${first.line}`;
    return [
      { file, line, path: 'metadata.name', reason: 'Duplicate', message, cure: 'remove or rename one of the two' },
    ];
  });
}

/** Kind, namespace and name: two documents with the same one are for the same object. */
export function identityOf(value: unknown): string {
  return `${namespaceOf(value)}/${titleOf(value)}`;
}

/** The namespace that an object names, or the one that kubectl takes when it names none. */
export function namespaceOf(value: unknown): string {
  const namespace = isRecord(value) && isRecord(value.metadata) ? value.metadata.namespace : undefined;
  return typeof namespace === 'string' ? namespace : 'default';
}

function isOurs(value: unknown): boolean {
  if (!isRecord(value) || typeof value.apiVersion !== 'string' || typeof value.kind !== 'string') return true;
  if (value.apiVersion === 'v1') return value.kind === 'Secret' || value.kind === 'ConfigMap';
  return value.apiVersion.startsWith('talaria.dev');
}

function tooLarge(file: string, size: number): ManifestProblem {
  const message = `the file has ${size} bytes; at most ${maxFileBytes} are read`;
  return { file, line: 1, path: '', reason: 'Unreadable', message, cure: 'split it' };
}

function unreadable(file: string, error: unknown): ManifestProblem {
  const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
  const [reason, message, cure] = missing
    ? [notFound, 'there is no such file or folder', 'check the path']
    : ['Unreadable', `cannot be read: ${error instanceof Error ? error.message : String(error)}`, ''];
  return { file, line: 1, path: '', reason, message, cure };
}
