import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  type Tags,
  type YAMLError,
} from 'yaml';

/** One document of a YAML text. */
export interface YamlDocument {
  /** Plain data; whole numbers beyond 2^53 are bigint, so that no digit is lost. */
  readonly value: unknown;
  /** The line, from 1, of a field such as `items[0].spec`, or of the nearest field around it that is there. */
  readonly lineOf: (field: string) => number;
}

/** Why a YAML text cannot be read. */
export interface YamlFault {
  readonly line: number;
  readonly message: string;
  readonly cure: string;
}

/**
 * Reads YAML as kubectl reads it (`yes` is true, `0755` is octal, `12:30` and dates are texts), except that a key that
 * stands twice is a fault, where kubectl takes the last one. With any fault there are no documents.
 */
export function parseYaml(text: string): {
  readonly documents: readonly YamlDocument[];
  readonly faults: readonly YamlFault[];
} {
  const lines = new LineCounter();
  const options = { version: '1.1', intAsBigInt: true, lineCounter: lines, customTags: likeKubectl } as const;
  const documents = [...parseAllDocuments(text, options)] as Document.Parsed[];
  const faults = documents.flatMap(({ errors, warnings }) => [...errors, ...warnings]);
  if (faults.length > 0) return { documents: [], faults: faults.map((fault) => faultOf(fault, lines)) };
  const read = documents.map((document) => readable(document, lines));
  const broken = read.filter((one) => 'message' in one);
  return { documents: broken.length > 0 ? [] : read.filter((one) => 'value' in one), faults: broken };
}

/** YAML 1.1 without times, base-60 numbers and the types that JSON lacks. */
function likeKubectl(tags: Tags): Tags {
  const foreign = ['timestamp', 'binary', 'omap', 'pairs', 'set'].map((name) => `tag:yaml.org,2002:${name}`);
  return tags.filter((tag) => typeof tag === 'string' || !(foreign.includes(tag.tag) || tag.format === 'TIME'));
}

function faultOf(fault: YAMLError, lines: LineCounter): YamlFault {
  const [message = ''] = fault.message.split('\n');
  return {
    line: lines.linePos(fault.pos[0]).line,
    message: message.replace(/ at line \d+, column \d+:?$/, ''),
    cure: fault.code === 'DUPLICATE_KEY' ? 'remove one of the two' : 'correct the YAML; nothing of this file was read',
  };
}

/** A document refers to itself by aliases at most this often: a few lines of them can stand for gigabytes. */
const maxAliasCount = 1000;

function readable(document: Document.Parsed, lines: LineCounter): YamlDocument | YamlFault {
  const lineOf = (field: string) => lines.linePos(positionOf(document, field)).line;
  try {
    return { value: plain(document.toJS({ maxAliasCount })), lineOf };
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    return { line: lineOf(''), message: error.message, cure: 'correct the aliases of this document' };
  }
}

/** Whole numbers that a JavaScript number holds exactly become one. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)]));
}

/** Offset of a field in the text: a member of a map begins at its key. */
function positionOf(document: Document.Parsed, field: string): number {
  let node: Node | null | undefined = document.contents;
  let position = node?.range?.[0] ?? 0;
  for (const step of field.split(/[.[\]]+/).filter((name) => name !== '')) {
    const next = descend(isAlias(node) ? node.resolve(document) : node, step);
    if (next === undefined) break;
    node = next.node;
    position = next.position ?? position;
  }
  return position;
}

interface Step {
  readonly node: Node | null;
  readonly position: number | undefined;
}

function descend(node: Node | null | undefined, step: string): Step | undefined {
  if (isSeq(node)) {
    const item = node.items[Number(step)] as Node | undefined;
    return item === undefined ? undefined : { node: item, position: item.range?.[0] };
  }
  if (!isMap(node)) return undefined;
  const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === step);
  return isScalar(pair?.key) ? { node: pair.value as Node | null, position: pair.key.range?.[0] } : undefined;
}
