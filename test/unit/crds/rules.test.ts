import { describe, expect, it } from 'vitest';
import { type Kind, kinds } from '../../../crds/common.ts';
import { nodesAt, valueAt } from '../../../crds/problem.ts';
import { isTransition, type RefusedRule } from '../../../crds/rules/rule.ts';
import { rules } from '../../../crds/rules.ts';
import { asStored } from '../../../crds/stored-form.ts';
import { kindSchemas, structuralSchema } from '../../../crds/structural-schema.ts';
import { verdictCases } from '../../testdata/verdicts/all.ts';
import type { Manifest, VerdictCase } from '../../testdata/verdicts/case.ts';

const allKinds = Object.keys(kinds) as Kind[];
const refused = allKinds.flatMap((kind) => rules[kind].refused);
const places = refused.flatMap((rule) => rule.at.map((pattern) => ({ rule, pattern })));
const notAccepted = allKinds.flatMap((kind) =>
  rules[kind].notAccepted.flatMap(({ name, reasons }) => reasons.map((reason) => ({ kind, name, reason }))),
);

describe('the table of rules', () => {
  it('gives every rule of a kind a name of its own', () => {
    const names = refused.map(({ kind, name }) => `${kind} ${name}`);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  it.each(places)('$rule.kind $rule.name: a manifest of the table breaks it at "$pattern"', ({ rule, pattern }) => {
    const breaking = verdictCases.filter((one) => one.kind === rule.kind && breaks(rule, pattern, one));
    expect(breaking.length).toBeGreaterThan(0);
    expect(breaking.filter(({ verdict }) => verdict !== 'Refused')).toEqual([]);
  });

  it.each(refused)('$kind $name: says what is wrong and what to do', ({ message, cure }) => {
    expect(message).not.toBe('');
    expect(cure).not.toBe('');
  });

  // An unknown zone never gets past the API server; the reason is for one that only its list of zones has.
  it.each(notAccepted.filter(({ reason }) => reason !== 'InvalidTimeZone'))(
    '$kind $name: a manifest of the table has the reason $reason',
    ({ kind, reason }) => {
      expect(verdictCases.some((one) => one.kind === kind && one.reason === reason)).toBe(true);
    },
  );
});

/** Whether a manifest fits the schema and breaks the rule at one of its places. */
function breaks(rule: RefusedRule, pattern: string, { manifest, old }: VerdictCase): boolean {
  const object = parsed(manifest);
  const stored = old === undefined ? undefined : parsed(old);
  return nodesAt(object, pattern).some(([path, self]) => {
    const oldSelf = valueAt(stored, path);
    if (isTransition(rule) && oldSelf === undefined) return false;
    return !rule.holds(self as never, oldSelf as never);
  });
}

function parsed(manifest: Manifest): unknown {
  const { kind } = manifest;
  return kindSchemas[kind].safeParse(asStored(manifest, structuralSchema(kind))).data;
}
