import type { Resources } from '../resources.ts';
import { type Compilation, compile } from './compile.ts';
import type { Published } from './published.ts';
import { type Report, report } from './report.ts';

export type Translation = Pick<Compilation, 'content' | 'credentials'> & Report;

/**
 * The whole of what a namespace declares, as what its gateways get and what is said about each object. A pure function:
 * no client, no clock, nothing mutated, the output sorted and independent of the order of the input. What is published
 * comes in because a generation that is not accepted never changes what serves: the entry of the last accepted one stays.
 * Translating again with the result as what is published gives the same result.
 */
export function translate(resources: Resources, published: Published): Translation {
  const compilation = compile(resources, published);
  const { content, credentials } = compilation;
  return { content, credentials, ...report(compilation) };
}
