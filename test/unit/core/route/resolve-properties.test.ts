import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileRoutes, type RouteTable } from '../../../../core/route/compile.ts';
import type { Envelope } from '../../../../core/route/envelope.ts';
import { explain, maxCandidates } from '../../../../core/route/explain.ts';
import { type Resolution, resolve } from '../../../../core/route/resolve.ts';
import { rankedCandidates, selectRule } from '../../../../core/route/select.ts';
import type { RouteEntry } from '../../../../core/snapshot/schema.ts';
import { contents, manyRoutes, queries, someRoutes } from './arbitraries.ts';
import { referenceOutcomes, referenceWinner } from './reference.ts';

/** A failure prints the seed and the path that repeat it. */
const parameters = { numRuns: 400, verbose: true };
const severalQueries = fc.array(queries, { minLength: 5, maxLength: 12 });

function textOf(outcome: ReturnType<typeof resolve>): string {
  return outcome.kind === 'resolved' ? `agent ${outcome.agentName} by ${outcome.via}` : `refused ${outcome.code}`;
}

describe('resolve, on random Routes, Agents and messages', () => {
  test('answers what a slow matcher written from the design answers', async () => {
    await fc.assert(
      fc.asyncProperty(contents, severalQueries, async (content, list) => {
        const table = await compileRoutes(content);
        for (const query of list) expect(referenceOutcomes(content, query)).toContain(textOf(resolve(table, query)));
      }),
      parameters,
    );
  });

  test('names the Route and rule of the slow matcher whenever a rule decides', async () => {
    await fc.assert(
      fc.asyncProperty(contents, severalQueries, async (content, list) => {
        const table = await compileRoutes(content);
        for (const query of list) {
          const { route, rule } = resolve(table, query);
          if (route === undefined) continue;
          const winner = referenceWinner(content.routes, query.envelope);
          expect([route, rule]).toEqual([winner?.route.name, winner?.rule.name]);
        }
      }),
      parameters,
    );
  });

  test('finds the rule of the slow matcher among many hundreds', async () => {
    await fc.assert(
      fc.asyncProperty(
        contents,
        manyRoutes,
        fc.array(queries, { minLength: 20, maxLength: 20 }),
        async (content, routes, list) => {
          const table = await compileRoutes({ ...content, routes });
          for (const { envelope } of list) {
            const winner = selectRule(table, envelope);
            const expected = referenceWinner(routes, envelope);
            expect([winner?.match.route.name, winner?.match.rule.entry.name]).toEqual([
              expected?.route.name,
              expected?.rule.name,
            ]);
            expect(winner?.failure !== undefined).toBe(expected?.failed === true);
          }
        },
      ),
      { ...parameters, numRuns: 20 },
    );
  });

  test('does not depend on the order in which objects arrive', async () => {
    await fc.assert(
      fc.asyncProperty(contents, severalQueries, fc.infiniteStream(fc.nat()), async (content, list, keys) => {
        const shuffle = <T>(entries: readonly T[]): T[] =>
          entries
            .map((entry) => ({ entry, key: Number(keys.next().value) }))
            .sort((a, b) => a.key - b.key)
            .map(({ entry }) => entry);
        const shuffled = { ...content, agents: shuffle(content.agents), routes: shuffle(content.routes) };
        const [table, other] = await Promise.all([compileRoutes(content), compileRoutes(shuffled)]);
        for (const query of list) expect(resolve(other, query)).toEqual(resolve(table, query));
      }),
      parameters,
    );
  });

  test('answers after any changes of the Routes as if they had been compiled anew, and the tables before stay as they were', async () => {
    const changes = someRoutes.chain((pool) =>
      fc.record({
        pool: fc.constant(pool),
        lists: fc.array(fc.shuffledSubarray([...pool.keys()]), { minLength: 2, maxLength: 5 }),
      }),
    );
    const severalMessages = fc.array(queries, { minLength: 10, maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(contents, changes, severalMessages, async (content, { pool, lists }, asked) => {
        const tables: RouteTable[] = [];
        const partsOf = createParts();
        for (const list of lists) {
          const routes = picked(pool, list);
          tables.push(await compileRoutes({ ...content, routes }, tables.at(-1), partsOf(routes)));
        }
        // Other entries, since what is compiled of one is kept.
        const copies = structuredClone(pool);
        for (const [at, list] of lists.entries()) {
          const anew = await compileRoutes({ ...content, routes: picked(copies, list) });
          for (const { envelope } of asked) expect(namesOf(tables[at], envelope)).toBe(namesOf(anew, envelope));
        }
      }),
      { ...parameters, numRuns: 100 },
    );
  });

  test('never gives a message to an Agent that no step names', async () => {
    await fc.assert(
      fc.asyncProperty(contents, severalQueries, async (content, list) => {
        const table = await compileRoutes(content);
        for (const query of list) {
          const outcome = resolve(table, query);
          if (outcome.kind === 'resolved') expectAllowed(outcome, query);
          const ruleMatches = referenceWinner(content.routes, query.envelope) !== undefined;
          if (ruleMatches) expect(textOf(outcome)).not.toMatch(/by (default|own-key)$/);
        }
      }),
      parameters,
    );

    function expectAllowed(
      outcome: Resolution,
      { principal, bound, boundMissing }: Parameters<typeof resolve>[1],
    ): void {
      expect(outcome.agent.name).toBe(outcome.agentName);
      expect(outcome.agent.refuse).toBeUndefined();
      expect(principal.agents === '*' || principal.agents.includes(outcome.agentName)).toBe(true);
      expect(boundMissing).toBeUndefined();
      if (bound !== undefined) expect(outcome.agentName).toBe(bound.agent);
    }
  });

  test('is the outcome that explain gives, with every rule that matches in the order of precedence', async () => {
    await fc.assert(
      fc.asyncProperty(contents, severalQueries, async (content, list) => {
        const table = await compileRoutes(content);
        for (const query of list) {
          const { outcome, candidates } = explain(table, query);
          expect(outcome).toEqual(resolve(table, query));
          const won = candidates.filter(({ verdict }) => verdict === 'won');
          expect(won.map(({ route, rule }) => [route, rule])).toEqual(
            outcome.route === undefined ? [] : [[outcome.route, outcome.rule]],
          );
          expect(candidates.length).toBeLessThanOrEqual(maxCandidates);
        }
      }),
      parameters,
    );
  });

  test('changes neither the message nor the table', async () => {
    await fc.assert(
      fc.asyncProperty(contents, queries, async (content, query) => {
        const before = structuredClone({ content, envelope: query.envelope });
        resolve(await compileRoutes(content), query);
        expect({ content, envelope: query.envelope }).toEqual(before);
      }),
      { ...parameters, numRuns: 100 },
    );
  });
});

function picked(pool: readonly RouteEntry[], list: readonly number[]): readonly RouteEntry[] {
  return list.flatMap((at) => pool[at] ?? []);
}

/** Every rule that a message meets, in the order of precedence; as one text, which is compared at once. */
function namesOf(table: RouteTable | undefined, envelope: Envelope): string | undefined {
  return (
    table &&
    rankedCandidates(table, envelope)
      .map(({ route, rule, position }) => `${route.name}/${rule.entry.name}/${position}`)
      .join(' ')
  );
}

/** Puts Routes into buckets; a bucket that holds the same again is the same list. */
function createParts(): (routes: readonly RouteEntry[]) => readonly (readonly RouteEntry[])[] {
  const known = new Map<string, readonly RouteEntry[]>();
  return (routes) =>
    [0, 1, 2].map((number) => {
      const part = routes.filter(({ name }) => name.length % 3 === number).sort((a, b) => (a.name < b.name ? -1 : 1));
      const key = JSON.stringify(part);
      if (!known.has(key)) known.set(key, part);
      return known.get(key) ?? part;
    });
}
