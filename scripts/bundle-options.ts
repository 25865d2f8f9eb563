import type { BuildOptions } from 'esbuild';

/** How programs of this repository are bundled for Node. */
export const bundleOptions = {
  bundle: true,
  splitting: true,
  // Not minifyIdentifiers: logs and stack traces show names, and keepNames would set each again at run time, which takes memory.
  minifySyntax: true,
  minifyWhitespace: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  legalComments: 'none',
  // Packages in CommonJS call require, which a module does not have.
  banner: {
    js: 'import {createRequire as __createRequire} from "node:module";const require=__createRequire(import.meta.url);',
  },
} as const satisfies BuildOptions;
