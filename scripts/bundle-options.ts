import type { BuildOptions } from 'esbuild';

/** How programs of this repository are bundled for Node. */
export const bundleOptions = {
  bundle: true,
  splitting: true,
  // Names stay: logs and stack traces show them, and minified ones would have to be set again at every start.
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
