/** One thing that is wrong with a document. */
export interface Problem {
  /** The field, written as the API server writes it: `spec.rules[0].matches[1].chatId`. */
  readonly path: string;
  /** One CamelCase word; of what is not accepted, the reason of the condition Accepted. */
  readonly reason: string;
  readonly message: string;
  /** What to do about it; '' where the message says it all. */
  readonly cure: string;
}

/** Writes a path as the API server does. Members of labels and annotations are reported as their map. */
export function pathText(path: readonly PropertyKey[]): string {
  const shown = path[0] === 'metadata' ? path.slice(0, 2) : path;
  return shown
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`))
    .join('')
    .slice(1);
}

/** The value at a path of a document; undefined when there is none. */
export function valueAt(document: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, step) => member(value, step), document);
}

/** Every node of a document that a pattern such as `spec.rules[].matches[]` points to, with its path. '' is the document. */
export function nodesAt(
  document: unknown,
  pattern: string,
): readonly (readonly [path: PropertyKey[], node: unknown])[] {
  const steps = pattern.split(/\.|(?=\[\])/).filter((step) => step !== '');
  return steps
    .reduce<[PropertyKey[], unknown][]>((nodes, step) => nodes.flatMap((node) => descend(node, step)), [[[], document]])
    .filter(([, node]) => node !== undefined);
}

/** Whether a value is an object with named members. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function descend([path, node]: [PropertyKey[], unknown], step: string): [PropertyKey[], unknown][] {
  if (step !== '[]') return [[[...path, step], member(node, step)]];
  return Array.isArray(node) ? node.map((item, index) => [[...path, index], item]) : [];
}

function member(value: unknown, step: PropertyKey): unknown {
  if (Array.isArray(value)) return typeof step === 'number' ? value[step] : undefined;
  return isRecord(value) && Object.hasOwn(value, step) ? value[String(step)] : undefined;
}
