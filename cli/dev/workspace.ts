import type { KubeObject } from '../../core/kube/types.ts';
import type { Kind } from '../../crds/common.ts';
import type { Problem } from '../../crds/problem.ts';
import { verdict } from '../../crds/verdict.ts';
import { declare, declareConfigMap, declareSecret } from '../../operator/declare.ts';
import type { Resources } from '../../operator/resources.ts';
import { dataObjectProblems } from '../data-objects.ts';
import { type Manifest, namespaceOf, readManifests, titleOf } from '../manifests.ts';
import type { Identities } from './identity.ts';

/** What a folder of manifests declares, as the operator would have it from an API server, or why it cannot be read. */
export interface Workspace {
  readonly resources: Resources;
  /** What an API server would have refused; with any of these the resources are incomplete. */
  readonly refused: readonly PlacedProblem[];
}

/** A problem with the place where a person can mend it. */
export interface PlacedProblem extends Problem {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** `Route/engineering`; '' when a whole file is meant. */
  readonly object: string;
}

/** Reads every manifest below `paths`: strict about fields, as `kubectl apply` is, and about objects declared twice. */
export async function readWorkspace(paths: readonly string[], identities: Identities): Promise<Workspace> {
  const { documents, problems } = await readManifests(paths);
  const unreadable = problems.map((problem) => ({ ...problem, object: '', path: '', reason: 'Unreadable' }));
  const refused = [...unreadable, ...(await Promise.all(documents.map(refusals))).flat(), ...strangers(documents)];
  if (refused.length > 0) return { resources: noResources, refused };
  return { resources: await resourcesOf(documents, identities), refused: [] };
}

const noResources: Resources = { agents: [], routes: [], cronJobs: [], secrets: [], configMaps: [] };

async function refusals(document: Manifest): Promise<readonly PlacedProblem[]> {
  return (await problemsOf(document)).map((problem) => placed(document, problem));
}

async function problemsOf({ apiVersion, value }: Manifest): Promise<readonly Problem[]> {
  if (apiVersion === 'v1') return dataObjectProblems(value);
  const outcome = await verdict(value);
  return outcome.verdict === 'Refused' ? outcome.problems : [];
}

/** Documents of another namespace than the first one: a release serves one namespace. */
function strangers(documents: readonly Manifest[]): readonly PlacedProblem[] {
  const home = namespaceOf(documents[0]?.value);
  return documents
    .filter(({ value }) => namespaceOf(value) !== home)
    .map((document) =>
      placed(document, {
        path: 'metadata.namespace',
        reason: 'Invalid',
        message: `is in namespace "${namespaceOf(document.value)}", the first document in "${home}"`,
        cure: 'keep each namespace in a folder of its own',
      }),
    );
}

async function resourcesOf(documents: readonly Manifest[], identities: Identities): Promise<Resources> {
  const objects = documents.map(({ value }) => identified(value, identities));
  const ofKind = (kind: string) => objects.filter((object) => object.kind === kind);
  const declared = <K extends Kind>(kind: K) => Promise.all(ofKind(kind).map((object) => declare(kind, object)));
  return {
    agents: await declared('Agent'),
    routes: await declared('Route'),
    cronJobs: await declared('CronJob'),
    secrets: ofKind('Secret').map((secret) => declareSecret({ ...secret, data: secretData(secret) })),
    configMaps: ofKind('ConfigMap').map((object) => declareConfigMap(object)),
  };
}

/** The object with the metadata that an API server would have added. */
function identified(value: unknown, identities: Identities): KubeObject {
  const object = value as KubeObject & { readonly spec?: unknown };
  const { kind = '', metadata, spec } = object;
  const namespace = namespaceOf(value);
  const identity = identities.identify({ kind, namespace, name: metadata.name, spec: spec ?? object });
  return { ...object, metadata: { ...metadata, ...identity, namespace, creationTimestamp: '' } };
}

/** `stringData` is what people write; an API server turns it into `data`. */
function secretData(secret: KubeObject & { data?: Record<string, string>; stringData?: Record<string, string> }) {
  const written = Object.entries(secret.stringData ?? {});
  const encoded = written.map(([key, text]) => [key, Buffer.from(text).toString('base64')]);
  return { ...secret.data, ...Object.fromEntries(encoded) } as Record<string, string>;
}

function placed(document: Manifest, problem: Problem): PlacedProblem {
  return { ...problem, file: document.file, line: document.lineOf(problem.path), object: titleOf(document.value) };
}
