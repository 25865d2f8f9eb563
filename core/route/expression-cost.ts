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
 * The most that matching a pattern against a text of this length may cost: linear in both, as RE2 promises. The size is an
 * upper estimate of the compiled pattern: its atoms, times what repetition makes of them (RE2 allows 1,000 at most).
 */
export function matchCost(pattern: string, textLength: number): number {
  const atoms = pattern
    .replace(/\[(?:\\.|[^\]\\])+\]/gu, 'c')
    .replace(/\\./gu, 'c')
    .replace(/\{\d+(?:,\d*)?\}/gu, '').length;
  let repeated = 1;
  for (const [, least = '0', most = ''] of pattern.matchAll(/\{(\d+)(?:,(\d*))?\}/gu)) {
    repeated *= Math.max(Number(least), Number(most), 1);
  }
  return (textLength + matchBase) * atoms * Math.min(repeated, 1000);
}

const nodeCost = 5;
const callCost = 10;
/** Compiling the pattern costs as much as this many characters of text. */
const matchBase = 32;
/** Functions on timestamps may have to load a time zone. */
const timeCost = 4000;

function chargeFunction(cel: Cel, meter: Meter, func: CelFunc): CelFunc {
  const call = (target: CelValue | undefined, args: CelValue[]): CelValue => {
    meter.charge(costOf(cel, func, target, args));
    const result = func.call(0, target, args);
    if (result === undefined || cel.isCelError(result)) throw result ?? new Error(`no overload of ${func.name}`);
    return result;
  };
  const { name, target, arguments: parameters, result } = func;
  if (target === undefined) return cel.celFunc(name, parameters, result as CelType, (...args) => call(undefined, args));
  return cel.celMethod(name, target, parameters, result, function (...args) {
    return call(this, args);
  });
}

function costOf(cel: Cel, { name }: CelFunc, target: CelValue | undefined, args: readonly CelValue[]): number {
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
  if (typeof value === 'string') return value.length >> 2;
  if (value instanceof Uint8Array) return value.length >> 2;
  if (cel.isCelList(value)) return weighAll(cel, value, value.size);
  if (cel.isCelMap(value)) return weighAll(cel, value.values(), value.size);
  return 1;
}

/** A list that `map` or `filter` made is a chain of lists of one element, which costs its square to walk. */
function weighAll(cel: Cel, members: Iterable<CelValue>, size: number): number {
  let cost = size * nodeCost + ((size * size) >> 5);
  if (cost > maxCost) return cost;
  for (const member of members) {
    cost += weigh(cel, member);
    if (cost > maxCost) break;
  }
  return cost;
}
