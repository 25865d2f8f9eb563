import type { Draft } from '../../../../cli/import/draft.ts';
import { finishImport, formatDifferences, manifestFilesOf } from '../../../../cli/import/write.ts';
import { parseYaml } from '../../../../cli/yaml-documents.ts';
import { verdict } from '../../../../crds/verdict.ts';

/**
 * The manifests of an import as they are printed, its report without what this version does not act on, and what an API server and
 * the operator would have against the printed text.
 */
export async function goldenImport(draft: Draft) {
  const imported = await finishImport(draft);
  const manifests = [...manifestFilesOf(imported, true).values()].join('---\n');
  const { documents, faults } = parseYaml(manifests);
  const ours = documents.map(({ value }) => value).filter((value) => JSON.stringify(value).includes('"talaria.dev/v1'));
  const verdicts = await Promise.all(ours.map((value) => verdict(value)));
  const differences = imported.differences.filter(({ message }) => !message.startsWith('Stored and not acted on'));
  return {
    manifests,
    report: formatDifferences(differences),
    problems: [...faults, ...verdicts.flatMap(({ problems }) => problems)],
  };
}
