import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const answerBudgetMs = 10_000;
const downloadBudgetMs = 10 * 60_000;

/** The text behind a URL. Rejects when it does not come within 10 seconds. */
export async function downloadText(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(answerBudgetMs) });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return response.text();
}

/** Stores a file after comparing it with its checksum (hex). Rejects when they differ. */
export async function downloadFile(
  url: string,
  checksum: { readonly algorithm: 'sha256' | 'sha512'; readonly hex: string },
  file: string,
): Promise<void> {
  const response = await fetch(url, { signal: AbortSignal.timeout(downloadBudgetMs) });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  const content = Buffer.from(await response.arrayBuffer());
  const actual = createHash(checksum.algorithm).update(content).digest('hex');
  if (actual !== checksum.hex) {
    throw new Error(`${url} has ${checksum.algorithm} ${actual}, but ${checksum.hex} is published: it was not used`);
  }
  await writeFile(file, content, { mode: 0o755 });
}

/** Downloads a tar.gz archive and unpacks the named members into `folder`, without the folders they lie in. */
export async function downloadArchive(
  url: string,
  checksum: { readonly algorithm: 'sha256' | 'sha512'; readonly hex: string },
  members: readonly string[],
  folder: string,
): Promise<void> {
  const archive = path.join(folder, '.archive.tar.gz');
  await downloadFile(url, checksum, archive);
  const depth = (members[0] ?? '').split('/').length - 1;
  await promisify(execFile)('tar', ['-xzf', archive, '-C', folder, `--strip-components=${depth}`, ...members]);
  await rm(archive);
}
