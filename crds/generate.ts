/**
 * `node crds/generate.ts [--check]`: writes everything that is generated from the schemas. With `--check` it writes
 * nothing and exits 1 when a file is not what it would write.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import { type Kind, kinds } from './common.ts';
import { customResourceDefinition } from './custom-resource.ts';
import { errorReference } from './error-reference.ts';
import { apiReference } from './reference.ts';

const root = path.join(import.meta.dirname, '..');

await (process.argv.includes('--check') ? check() : write());

async function write(): Promise<void> {
  for (const [file, text] of generated()) {
    await mkdir(path.dirname(path.join(root, file)), { recursive: true });
    await writeFile(path.join(root, file), text);
    process.stdout.write(`${file}\n`);
  }
}

async function check(): Promise<void> {
  for (const [file, text] of generated()) {
    const current = await readFile(path.join(root, file), 'utf8').catch(() => '');
    if (current === text) continue;
    process.stderr.write(`${file} is not what its source gives; run npm run generate\n`);
    process.exitCode = 1;
  }
}

/** Path from the root of the project, and content. */
function generated(): readonly (readonly [file: string, text: string])[] {
  const manifests = (Object.keys(kinds) as Kind[]).flatMap((kind): [string, string][] => {
    const file = `${kinds[kind].plural}.talaria.dev.yaml`;
    return [
      [`charts/talaria/crds/${file}`, crdYaml(customResourceDefinition(kind))],
      [`charts/talaria-crds/templates/${file}`, crdTemplate(kind)],
    ];
  });
  return [...manifests, ['docs/reference/api.md', apiReference()], ['docs/reference/errors.md', errorReference()]];
}

/** As a template of Helm, where braces of a text begin an action. An uninstall keeps it, and with it everybody's objects. */
function crdTemplate(kind: Kind): string {
  const definition = customResourceDefinition(kind);
  const metadata = { ...definition.metadata, annotations: { 'helm.sh/resource-policy': 'keep' } };
  return crdYaml({ ...definition, metadata }).replaceAll('{{', '{{ "{{" }}');
}

/** YAML 1.1 with every text quoted, so that kubectl reads the same words as we wrote. */
function crdYaml(definition: object): string {
  const yaml = stringify(definition, {
    version: '1.1',
    defaultStringType: 'QUOTE_DOUBLE',
    defaultKeyType: 'PLAIN',
    aliasDuplicateObjects: false,
    lineWidth: 0,
  });
  return `# Generated from crds/ by npm run generate.\n${yaml}`;
}
