import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Applicant, admit, type Charge } from '../../../../operator/translate/admission.ts';

interface Case extends Applicant {
  readonly held: readonly Charge[];
}

const limits = [100, 50];
const charge = fc
  .record({
    budget: fc.constantFrom(0, 1),
    amount: fc.integer({ min: 0, max: 60 }),
    share: fc.constantFrom('', '', 'x', 'y'),
  })
  .map(
    ({ budget, amount, share }): Charge =>
      share === '' ? { budget, amount } : { budget, amount: share === 'x' ? 20 : 30, shared: share },
  );
const charges = fc.array(charge, { maxLength: 3 });
const applicants = fc
  .array(fc.record({ wanted: charges, held: charges, createdAt: fc.constantFrom('1', '2') }), { maxLength: 8 })
  .map((list) => list.map((one, index): Case => ({ ...one, uid: `uid-${index}`, name: `name-${index}` })));
/** What is published fits: it was admitted before. */
const world = applicants.filter((list) => fits(list.flatMap(({ held }) => held)));

describe('admission', () => {
  it('never takes more than there is', () => {
    fc.assert(
      fc.property(world, (list) => {
        expect(fits(outcome(list).flat())).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('gives everybody what he wants when all of it fits', () => {
    fc.assert(
      fc.property(world, (list) => {
        fc.pre(fits(list.flatMap(({ wanted }) => wanted)));
        expect(refused(list)).toEqual([]);
      }),
    );
  });

  it('leaves nobody out who would still fit', () => {
    fc.assert(
      fc.property(world, (list) => {
        const taken = outcome(list);
        for (const uid of refused(list)) {
          const at = list.findIndex((one) => one.uid === uid);
          const instead = taken.map((now, index) => (index === at ? (list[at]?.wanted ?? []) : now));
          expect(fits(instead.flat())).toBe(false);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('does not depend on the order of those who ask', () => {
    fc.assert(
      fc.property(world, (list) => {
        expect(refused(list.toReversed()).toSorted()).toEqual(refused(list).toSorted());
      }),
      { numRuns: 500 },
    );
  });

  it('refuses the same again once the outcome is what is held', () => {
    fc.assert(
      fc.property(world, (list) => {
        const taken = outcome(list);
        const next = list.map((one, index): Case => ({ ...one, held: taken[index] ?? [] }));
        expect(refused(next)).toEqual(refused(list));
      }),
      { numRuns: 500 },
    );
  });

  it('counts texts compressed before it refuses anything for them', () => {
    const text = () => 'a'.repeat(90);
    const one: Case = {
      uid: 'a',
      name: 'a',
      createdAt: '',
      held: [],
      wanted: [
        { budget: 0, amount: 90, text },
        { budget: 0, amount: 90, text },
      ],
    };
    expect(refused([one])).toEqual([]);
  });
});

function refused(list: readonly Case[]): readonly string[] {
  return [...admit(list, ({ held }) => held, limits).short.keys()];
}

function outcome(list: readonly Case[]): readonly (readonly Charge[])[] {
  const out = refused(list);
  return list.map(({ uid, wanted, held }) => (out.includes(uid) ? held : wanted));
}

/** The slow way of adding up. */
function fits(all: readonly Charge[]): boolean {
  return limits.every((limit, budget) => {
    const here = all.filter((each) => each.budget === budget);
    const once = new Map(here.filter(({ shared }) => shared !== undefined).map((each) => [each.shared, each.amount]));
    const alone = here.filter(({ shared }) => shared === undefined).reduce((sum, { amount }) => sum + amount, 0);
    return alone + [...once.values()].reduce((sum, amount) => sum + amount, 0) <= limit;
  });
}
