/**
 * `node scripts/bundle.ts [FOLDER]`: bundles operator, gateway and command line into a folder, default `dist`, for the
 * image: half the start-up time, and a few megabytes in place of node_modules. `node dist/gateway.js` then does what
 * `node gateway/main.ts` does. A checkout needs none of it.
 */
import { cp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'esbuild';
import packageJson from '../package.json' with { type: 'json' };
import { bundleOptions } from './bundle-options.ts';

const root = path.join(import.meta.dirname, '..');
const dist = path.resolve(root, process.argv[2] ?? 'dist');

await rm(dist, { recursive: true, force: true });
await build({
  ...bundleOptions,
  absWorkingDir: root,
  entryPoints: {
    operator: 'operator/main.ts',
    gateway: 'gateway/main.ts',
    cli: 'cli/main.ts',
    'warm-compile-cache': 'scripts/warm-compile-cache.ts',
  },
  outdir: dist,
});
// Read at run time, beside the file that reads them.
await cp(path.join(root, 'gateway/db/migrations'), path.join(dist, 'migrations'), { recursive: true });
const { name, version } = packageJson;
await writeFile(
  path.join(dist, 'package.json'),
  `${JSON.stringify({ name, version, private: true, type: 'module' })}\n`,
);
