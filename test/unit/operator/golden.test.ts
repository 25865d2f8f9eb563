import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseDocument, stringify } from 'yaml';
import { z } from 'zod';
import type { Condition } from '../../../operator/object-status.ts';
import { objectStatus } from '../../../operator/object-status.ts';
import { emptyContent, type Published } from '../../../operator/translate/published.ts';
import { type Manifest, resourcesOf } from './manifests.ts';
import { type Translation, translate } from './translate.ts';

const folder = path.join(import.meta.dirname, 'testdata');
const inputs = globSync('*.in.yaml', { cwd: folder }).sort();

/** `before` was translated first, and is what is published when `now` is translated. */
const inputSchema = z.strictObject({
  about: z.string(),
  before: z.array(z.custom<Manifest>()).default([]),
  now: z.array(z.custom<Manifest>()),
});

/** To write the results anew: `npx vitest run --project unit test/unit/operator/golden.test.ts -u`. Review them. */
describe('translate gives for', () => {
  it.each(inputs)('%s what its .out.yaml says', async (file) => {
    const { before, now } = read(file);
    const resources = await resourcesOf(now);
    const published = asPublished(translate(await resourcesOf(before), { content: emptyContent, versionKey }));

    const result = translate(resources, published);
    await expect(summary(result)).toMatchFileSnapshot(path.join(folder, file.replace('.in.yaml', '.out.yaml')));

    const again = translate(resources, asPublished(result));
    expect(summary(again), 'translating again changes something').toBe(summary(result));
  });
});

const versionKey = 'golden';

function read(file: string): z.infer<typeof inputSchema> {
  const document = parseDocument(readFileSync(path.join(folder, file), 'utf8'), { uniqueKeys: true });
  if (document.errors.length > 0) throw document.errors[0];
  return inputSchema.parse(document.toJS({ maxAliasCount: 1000 }));
}

function asPublished({ content }: Translation): Published {
  return { content, versionKey };
}

/**
 * Everything that translate says, with conditions in one line each as they stand once every gateway has acknowledged.
 * Limited is left out: which fields it names changes with each feature, and report.test.ts looks at it.
 */
function summary({ content, credentials, objects, keyFaults }: Translation): string {
  const status = objects.map((report) => {
    const { conditions, ...fields } = objectStatus(report, 'acknowledged', [], 0);
    return {
      [`${report.kind} ${report.name}`]: {
        ...fields,
        conditions: conditions.filter(({ type }) => type !== 'Limited').map(oneLine),
      },
    };
  });
  const plain = JSON.parse(JSON.stringify({ content, credentials, keyFaults }), withoutEmpty) as object;
  return stringify({ status: Object.assign({}, ...status), ...plain }, { lineWidth: 0 });
}

function withoutEmpty(_key: string, value: unknown): unknown {
  const empty = typeof value === 'object' && value !== null && Object.keys(value).length === 0;
  return empty ? undefined : value;
}

function oneLine({ type, status, reason, message, observedGeneration }: Condition): string {
  return `${type}=${status} ${reason} @${observedGeneration}: ${message}`;
}
