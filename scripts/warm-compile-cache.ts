/**
 * Fills the folder NODE_COMPILE_CACHE with the compiled form of the bundles beside this file, by the very Node that will
 * run them: each is started once, and ends by itself because it is told nothing to do.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { operatorNodeOptions } from './node-options.ts';

const folder = process.env.NODE_COMPILE_CACHE;
if (!folder) throw new Error('set NODE_COMPILE_CACHE to the folder to fill');
const options = { operator: operatorNodeOptions, gateway: [], cli: [] };
for (const [name, nodeOptions] of Object.entries(options)) {
  const args = [...nodeOptions, path.join(import.meta.dirname, `${name}.js`), '--help'];
  const before = cachedFiles().length;
  const { stderr } = spawnSync(process.execPath, args, { timeout: 30_000, encoding: 'utf8' });
  if (cachedFiles().length === before) throw new Error(`${name}.js left nothing in ${folder}:\n${stderr}`);
}
const files = cachedFiles();
// Node makes them for itself alone; in the image another user reads them.
for (const file of files) chmodSync(path.join(file.parentPath, file.name), 0o644);
process.stdout.write(`compiled ${files.length} files\n`);

function cachedFiles() {
  return readdirSync(folder as string, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
}
