import type { CelFunc, CelType, CelValue } from '@bufbuild/cel';

type Cel = typeof import('@bufbuild/cel');

/**
 * Counts what an evaluation costs, since the library does not. One unit is at most about 50 ns of work, so that the limit
 * stands for about 20 ms; the count depends on the expression and the message only, never on the machine.
 */
export interface Meter {
  readonly reset: () => void;
  /** Throws once the limit is passed. CEL's `||` may swallow that, so `exceeded` decides in the end. */
  readonly charge: (units: number) => void;
  readonly exceeded: () => boolean;
}

export const maxCost = 400_000;

export function createMeter(): Meter {
  let spent = 0;
  return {
    reset: () => {
      spent = 0;
    },
    charge: (units) => {
      spent += units;
      if (spent > maxCost) throw new Error('the cost limit is passed');
    },
    exceeded: () => spent > maxCost,
  };
}

/** The given functions, each charged before it runs, and `stepFunction`. */
export function chargedFunctions(cel: Cel, functions: Iterable<CelFunc>, meter: Meter): CelFunc[] {
  const { BOOL, INT } = cel.CelScalar;
  const charged = [...functions].map((func) => chargeFunction(cel, meter, func));
  const step = cel.celFunc(stepFunction, [BOOL, INT], BOOL, (goOn, nodes) => {
    meter.charge(Number(nodes) * nodeCost);
    return goOn;
  });
  return [...charged, step];
}

/** Called in the condition of every loop, with the number of nodes that one turn evaluates. No identifier is written so. */
export const stepFunction = '@step';

/**
 * The most that one match of a pattern may cost: compiling it, and then a time linear in pattern and text, as RE2 promises.
 * The size of the pattern is an upper estimate: its atoms, times what repetition makes of them (RE2 allows 1,000 at most).
 */
export function matchCost(pattern: string, textLength: number): number {
  if (pattern.length > maxPatternLength) return maxCost + 1;
  const atoms = pattern
    .replace(/\[(?:\\.|[^\]\\])+\]/gu, 'c')
    .replace(/\\./gu, 'c')
    .replace(/\{\d+(?:,\d*)?\}/gu, '').length;
  let repeated = 1;
  for (const [, least = '0', most = ''] of pattern.matchAll(/\{(\d+)(?:,(\d*))?\}/gu)) {
    repeated *= Math.max(Number(least), Number(most), 1);
  }
  return patternCost + (textLength + patternFactor) * atoms * Math.min(repeated, 1000);
}

const nodeCost = 10;
const callCost = 20;
const memberCost = 3;
/** A pattern may come from a claim; the estimate itself takes time that grows with its square. */
const maxPatternLength = 1024;
const patternCost = 3000;
const patternFactor = 32;
/** Functions on timestamps may have to load a time zone. */
const timeCost = 8000;

function chargeFunction(cel: Cel, meter: Meter, func: CelFunc): CelFunc {
  const { name, target, arguments: parameters, result } = func;
  const run = isListConcatenation(func) ? concatenate(cel) : func;
  const call = (on: CelValue | undefined, args: CelValue[]): CelValue => {
    meter.charge(costOf(cel, name, on, args));
    const value = run.call(0, on, args);
    if (value === undefined || cel.isCelError(value)) throw value ?? new Error(`no overload of ${name}`);
    return value;
  };
  if (target === undefined) return cel.celFunc(name, parameters, result as CelType, (...args) => call(undefined, args));
  return cel.celMethod(name, target, parameters, result, function (...args) {
    return call(this, args);
  });
}

function isListConcatenation({ name, arguments: [left] }: CelFunc): boolean {
  return name === '_+_' && left?.kind === 'list';
}

/** The library's own makes a chain of lists, which `map` and `filter` make so long that walking it costs its square. */
function concatenate(cel: Cel): Pick<CelFunc, 'call'> {
  return {
    call: (_id, _target, [left, right]) =>
      cel.isCelList(left) && cel.isCelList(right) ? cel.celList([...left, ...right]) : undefined,
  };
}

function costOf(cel: Cel, name: string, target: CelValue | undefined, args: readonly CelValue[]): number {
  const [first] = args;
  if (name === 'matches' && typeof target === 'string' && typeof first === 'string') {
    return callCost + matchCost(first, target.length);
  }
  let cost = name.startsWith('get') ? timeCost : callCost;
  if (target !== undefined) cost += weigh(cel, target);
  for (const arg of args) cost += weigh(cel, arg);
  return cost;
}

/** What it costs to walk a value whole. */
function weigh(cel: Cel, value: CelValue): number {
  if (typeof value === 'string' || value instanceof Uint8Array) return value.length >> 2;
  if (cel.isCelList(value)) return weighAll(cel, value, value.size);
  if (cel.isCelMap(value)) return weighAll(cel, value.values(), value.size);
  return 1;
}

function weighAll(cel: Cel, members: Iterable<CelValue>, size: number): number {
  let cost = size * memberCost;
  for (const member of members) {
    if (cost > maxCost) break;
    cost += weigh(cel, member);
  }
  return cost;
}
