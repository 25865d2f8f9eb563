import { textIn } from '../fields.ts';

/** A secret as OpenClaw writes it: in place, as `${VARIABLE}`, or as a reference to one or to something else. */
export interface SecretValue {
  /** Where its value stands, in words. */
  readonly from: string;
  /** Undefined when it is not here. */
  readonly value: string | undefined;
}

/** Reads a secret; `place` is where it stands in the configuration. Undefined when there is none. */
export function secretValue(
  written: unknown,
  place: string,
  variables: ReadonlyMap<string, string>,
): SecretValue | undefined {
  const source = textIn(written, 'source');
  const id = textIn(written, 'id');
  if (source !== undefined && id !== undefined) {
    return { from: source === 'env' ? id : `${source} ${id}`, value: source === 'env' ? variables.get(id) : undefined };
  }
  const text = textIn({ written }, 'written');
  const variable = /^\$\{(\w+)\}$/.exec(text ?? '')?.[1];
  if (variable !== undefined) return { from: variable, value: variables.get(variable) };
  return text === undefined ? undefined : { from: place, value: text };
}
