import type { Resources } from '../../../operator/resources.ts';
import type { Compilation } from '../../../operator/translate/compilation.ts';
import { compile } from '../../../operator/translate/compile.ts';
import type { Published } from '../../../operator/translate/published.ts';
import { type Report, report } from '../../../operator/translate/report.ts';

export type Translation = Pick<Compilation, 'content' | 'credentials'> & Report;

/** Content and reports in one, as the operator and `talaria dev` make them one after the other. */
export function translate(resources: Resources, published: Published): Translation {
  const compilation = compile(resources, published);
  const { content, credentials } = compilation;
  return { content, credentials, ...report(compilation) };
}
