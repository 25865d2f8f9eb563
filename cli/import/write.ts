import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Document } from 'yaml';
import { limitedFields } from '../../crds/limited.ts';
import { verdict } from '../../crds/verdict.ts';
import type { Difference, Draft, DraftObject, DraftSecret } from './draft.ts';

/** What an import comes to. */
export interface Imported {
  /** Each is one that `talaria validate` accepts. */
  readonly objects: readonly DraftObject[];
  readonly secrets: readonly DraftSecret[];
  readonly differences: readonly Difference[];
}

/** Leaves out what would not be accepted, and tells what this version does not act on. */
export async function finishImport({ objects, secrets, differences }: Draft): Promise<Imported> {
  const judged = await Promise.all(objects.map(async (object) => ({ object, judgement: await verdict(object) })));
  const refused = judged.filter(({ judgement }) => judgement.verdict !== 'Accepted');
  const accepted = judged.filter(({ judgement }) => judgement.verdict === 'Accepted');
  return {
    objects: accepted.map(({ object }) => object),
    secrets,
    differences: [
      ...differences,
      ...refused.map(({ object, judgement: { problems } }) => {
        const why = problems
          .map(({ path, message, cure }) => [path, message, cure].filter(Boolean).join(': '))
          .join('; ');
        return { source: titleOf(object), effect: 'left out' as const, message: `It would not be accepted: ${why}` };
      }),
      ...accepted.flatMap(({ object, judgement }) => {
        const fields = judgement.object === undefined ? [] : limitedFields(judgement.object);
        if (fields.length === 0) return [];
        const kinds = new Set(fields.map((field) => field.replaceAll(/\[\d+\]/g, '[]')));
        const message = `Stored and not acted on by this version: ${[...kinds].join(', ')}.`;
        return [{ source: titleOf(object), effect: 'changed' as const, message }];
      }),
    ],
  };
}

/** The manifests by the file that each belongs into; Secrets without their values. */
export function manifestFilesOf({ objects, secrets }: Imported, withSecrets: boolean): ReadonlyMap<string, string> {
  const of = (kind: string) => documents(objects.filter((object) => object.kind === kind));
  const files = [
    ['agents.yaml', of('Agent')],
    ['routes.yaml', of('Route')],
    ['cron-jobs.yaml', of('CronJob')],
    ['secrets.yaml', withSecrets ? documents(secrets.map((secret) => secretManifest(secret, false))) : ''],
  ] as const;
  return new Map(files.filter(([, text]) => text !== ''));
}

/** The Secrets with the values that were found. */
export function secretsWithValues({ secrets }: Imported): string {
  return documents(secrets.map((secret) => secretManifest(secret, true)));
}

/** Writes files that are not there yet into a folder, which is made. Rejects when one is there. */
export async function writeFiles(folder: string, files: ReadonlyMap<string, string>): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, text] of files) await writeFile(path.join(folder, name), text, { flag: 'wx' });
}

/** The differences as lines, what needs a person first. */
export function formatDifferences(differences: readonly Difference[]): string {
  const order = ['to do', 'left out', 'changed'] as const;
  const lines = order.flatMap((effect) =>
    differences
      .filter((one) => one.effect === effect)
      .map(({ source, message }) => `${effect}: ${source}: ${message}\n`),
  );
  return lines.join('');
}

function secretManifest({ name, agent, host, keys }: DraftSecret, withValues: boolean): Document {
  const found = keys.filter(({ value }) => value !== undefined);
  const annotations = {
    'talaria.dev/allowed-agents': agent,
    ...(host === undefined || host === '' ? {} : { 'talaria.dev/allowed-hosts': host }),
  };
  const values = Object.fromEntries(found.map(({ key, value }) => [key, value]));
  const document = documentOf({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, labels: { 'talaria.dev/credentials': 'true' }, annotations },
    ...(withValues && found.length > 0 ? { stringData: values } : {}),
  });
  const missing = withValues ? keys.filter(({ value }) => value === undefined) : keys;
  if (missing.length > 0) {
    document.commentBefore = ` To do: add ${missing.map(({ key, from }) => `the key ${key} with the value of ${from}`).join(' and ')}.`;
  }
  return document;
}

function documents(values: readonly (DraftObject | Document)[]): string {
  return values
    .map((value) => (value instanceof Document ? value : documentOf(value)).toString({ lineWidth: 0 }))
    .join('---\n');
}

/** Texts that YAML 1.1, which kubectl reads, would take for something else are quoted. */
function documentOf(value: object): Document {
  return new Document(value, { version: '1.1', aliasDuplicateObjects: false });
}

function titleOf({ kind, metadata }: DraftObject): string {
  return `${kind}/${metadata.name}`;
}
