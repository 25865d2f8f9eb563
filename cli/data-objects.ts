import { closest } from '../core/lib/closest.ts';
import { isRecord, type Problem } from '../crds/problem.ts';

/**
 * What is wrong with a Secret or a ConfigMap of a manifest file, as far as Talaria reads it: its name and its texts.
 * Messages name keys, never values.
 */
export function dataObjectProblems(value: unknown): readonly Problem[] {
  if (!isRecord(value)) return [];
  const known = value.kind === 'Secret' ? secretFields : configMapFields;
  return [
    ...unknownMembers(value, known),
    ...nameProblem(value),
    ...textProblems(value, known),
    ...base64Problems(value),
  ];
}

const secretFields = ['apiVersion', 'kind', 'metadata', 'type', 'immutable', 'data', 'stringData'];
const configMapFields = ['apiVersion', 'kind', 'metadata', 'immutable', 'data', 'binaryData'];

function unknownMembers(value: Record<string, unknown>, known: readonly string[]): Problem[] {
  return Object.keys(value)
    .filter((name) => !known.includes(name))
    .map((name) => {
      const near = closest(name, known);
      const cure = near === undefined ? `the fields here are ${known.join(', ')}` : `did you mean ${near}?`;
      return { path: name, reason: 'UnknownField', message: `unknown field "${name}"`, cure };
    });
}

function nameProblem(value: Record<string, unknown>): Problem[] {
  if (isRecord(value.metadata) && typeof value.metadata.name === 'string') return [];
  return [
    {
      path: 'metadata.name',
      reason: 'Required',
      message: 'the name is required',
      cure: 'set it, in quotes if need be',
    },
  ];
}

function textProblems(value: Record<string, unknown>, known: readonly string[]): Problem[] {
  return ['data', 'stringData', 'binaryData']
    .filter((field) => known.includes(field))
    .flatMap((field) =>
      Object.entries(isRecord(value[field]) ? value[field] : {})
        .filter(([, text]) => typeof text !== 'string')
        .map(([key]) => ({
          path: `${field}.${key}`,
          reason: 'TypeInvalid',
          message: 'a text is needed',
          cure: 'quote the value',
        })),
    );
}

function base64Problems(value: Record<string, unknown>): Problem[] {
  if (value.kind !== 'Secret' || !isRecord(value.data)) return [];
  return Object.entries(value.data)
    .filter(([, text]) => typeof text === 'string' && !/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(text))
    .map(([key]) => ({
      path: `data.${key}`,
      reason: 'Invalid',
      message: 'the value is not base64',
      cure: 'write plain texts under stringData',
    }));
}
