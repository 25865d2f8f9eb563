import type { z } from 'zod';
import { closest } from '../core/lib/closest.ts';
import { duplicate } from './field.ts';
import { type Problem, pathText, valueAt } from './problem.ts';

/** What zod found in a document, in words: what is expected, what was got, and the cure. */
export function schemaProblems(document: unknown, error: z.ZodError): readonly Problem[] {
  return error.issues.map((issue) => {
    const path = pathText(issue.path);
    return { path, ...explain(issue, harmless(path, valueAt(document, issue.path))) };
  });
}

/** People paste the key itself where its Secret should be named; then it must not stand in a message. */
function harmless(path: string, value: unknown): unknown {
  return typeof value === 'string' && /secretref/i.test(path) ? 'not shown' : value;
}

type Explanation = Omit<Problem, 'path'>;
type Issue = z.core.$ZodIssue;

function explain(issue: Issue, value: unknown): Explanation {
  if (value === undefined) return { reason: 'Required', message: 'the field is required', cure: 'set it' };
  switch (issue.code) {
    case 'invalid_type':
      return wrongType(issue.expected, value);
    case 'invalid_value':
      return notInList(issue.values.map(String), value);
    case 'too_big':
      return outOfBounds(`at most ${issue.maximum}`, value);
    case 'too_small':
      return outOfBounds(`at least ${issue.minimum}`, value);
    case 'custom':
      return issue.params === duplicate ? twice(issue.message) : invalid(issue.message, value);
    default:
      return invalid(issue.message, value);
  }
}

function twice(message: string): Explanation {
  return { reason: 'Duplicate', message, cure: 'remove or rename one of them' };
}

function invalid(demand: string, value: unknown): Explanation {
  return { reason: 'Invalid', message: `the value ${demand}, got ${shown(value)}`, cure: '' };
}

function wrongType(expected: string, value: unknown): Explanation {
  const reason = 'TypeInvalid';
  if (expected === 'string' && isScalar(value)) {
    const message = `a text is needed, got ${shown(value)} without quotes`;
    return { reason, message, cure: `quote it: "${String(value)}"` };
  }
  const wanted = typeWords[expected] ?? expected;
  const message = `${wanted} is needed, got ${shown(value)}`;
  const unquote = typeof value === 'string' && (expected === 'int' || expected === 'number' || expected === 'boolean');
  return { reason, message, cure: unquote ? 'remove the quotes' : '' };
}

const typeWords: Readonly<Record<string, string>> = {
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  object: 'an object',
  record: 'an object of texts',
  array: 'a list',
  string: 'a text',
};

function notInList(values: readonly string[], value: unknown): Explanation {
  const near = typeof value === 'string' ? closest(value, values) : undefined;
  return {
    reason: 'NotSupported',
    message: `the value must be one of ${values.join(', ')}, got ${shown(value)}`,
    cure: near === undefined ? '' : `did you mean ${near}?`,
  };
}

function outOfBounds(bound: string, value: unknown): Explanation {
  if (Array.isArray(value)) {
    const reason = bound.startsWith('at most') ? 'TooMany' : 'TooFew';
    const entries = bound.endsWith(' 1') ? 'entry' : 'entries';
    return { reason, message: `the list must have ${bound} ${entries}, got ${value.length}`, cure: '' };
  }
  return invalid(`must be ${bound}`, value);
}

function isScalar(value: unknown): boolean {
  return ['number', 'bigint', 'boolean'].includes(typeof value);
}

const maxShown = 64;

/** A value for a message. An address is not shown: it may hold a password. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (value === null) return 'null';
  if (typeof value === 'object') return 'an object';
  if (typeof value !== 'string') return `${typeof value === 'boolean' ? '' : 'the number '}${String(value)}`;
  if (/@|:\/\//.test(value)) return 'another text';
  return value.length > maxShown ? `a text of ${[...value].length} characters` : `"${value}"`;
}
