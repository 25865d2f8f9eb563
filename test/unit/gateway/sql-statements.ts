import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** One place where a statement reads or writes a table. */
export interface Touch {
  readonly file: string;
  /** `select`, `insert`, `update` or `delete`. */
  readonly verb: string;
  readonly table: string;
  /** The query around it, without the queries inside it. */
  readonly query: string;
}

const root = path.join(import.meta.dirname, '..', '..', '..');

/** Every touch of one of these tables in the gateway's statements and in the functions of its migrations. */
export function touchesOf(tables: readonly string[]): readonly Touch[] {
  const code = globSync('gateway/**/*.ts', { cwd: root }).sort();
  const inCode = code.flatMap((file) =>
    textsOf(read(file)).flatMap((text) => touchesIn(file, withoutLineComments(text), tables)),
  );
  const inFunctions = migrations()
    .flatMap(functionsOf)
    .flatMap(({ file, name, body }) =>
      body.split(';').flatMap((statement) => touchesIn(`${file} ${name}`, statement, tables)),
    );
  return [...inCode, ...inFunctions];
}

/** The migrations in their order, from the root of the repository. */
export function migrations(): readonly string[] {
  return globSync('gateway/db/migrations/*.sql', { cwd: root }).sort();
}

/** The text of a file, by its path from the root of the repository. */
export function read(file: string): string {
  return readFileSync(path.join(root, file), 'utf8');
}

/** The texts of a file: its strings and templates, without comments. A template's `${}` stay in it as they are. */
export function textsOf(source: string): readonly string[] {
  const texts: string[] = [];
  let at = 0;
  while (at < source.length) {
    const here = source.slice(at, at + 2);
    const char = source.charAt(at);
    if (here === '//') at = endOf(source, '\n', at);
    else if (here === '/*') at = endOf(source, '*/', at) + 1;
    else if (char === '/' && isRegExp(source, at)) at = closing(source, '/', at);
    else if (char === "'" || char === '"' || char === '`') {
      const end = closing(source, char, at);
      texts.push(source.slice(at + 1, end));
      at = end;
    }
    at += 1;
  }
  return texts;
}

function endOf(source: string, what: string, from: number): number {
  const found = source.indexOf(what, from + 1);
  return found < 0 ? source.length : found;
}

/** A slash begins a regular expression where no value stands before it. */
function isRegExp(source: string, at: number): boolean {
  return /(?:[(,=:[!&|?{};]|=>|return)$/.test(source.slice(Math.max(0, at - 40), at).trimEnd());
}

/** Where the text that begins at `from` ends; templates hold whole expressions. */
function closing(source: string, quote: string, from: number): number {
  let at = from + 1;
  let isClass = false;
  for (; at < source.length; at += 1) {
    const char = source.charAt(at);
    if (char === '\\') at += 1;
    else if (quote === '`' && source.startsWith('${', at)) at = endOfExpression(source, at + 2);
    else if (quote === '/' && (char === '[' || char === ']')) isClass = char === '[';
    else if (char === quote && !isClass) return at;
  }
  return at;
}

function endOfExpression(source: string, from: number): number {
  let depth = 1;
  for (let at = from; at < source.length; at += 1) {
    const char = source.charAt(at);
    if (char === "'" || char === '"' || char === '`') at = closing(source, char, at);
    else if (char === '{') depth += 1;
    else if (char === '}') depth -= 1;
    if (depth === 0) return at;
  }
  return source.length;
}

export interface SqlFunction {
  readonly file: string;
  readonly name: string;
  readonly body: string;
}

/** The functions that a migration defines. */
export function functionsOf(file: string): readonly SqlFunction[] {
  const definitions = withoutLineComments(read(file)).matchAll(
    /create (?:or replace )?function (\w+).*?\$\$(.*?)\$\$/gs,
  );
  return [...definitions].map(([, name = '', body = '']) => ({ file, name, body }));
}

function withoutLineComments(sql: string): string {
  return sql.replace(/--.*$/gm, '');
}

function touchesIn(file: string, text: string, tables: readonly string[]): readonly Touch[] {
  if (!/\b(select|insert|update|delete)\b/i.test(text)) return [];
  const names = tables.join('|');
  const pattern = new RegExp(`\\b(insert into|update|delete from|from|join|using)\\s+(?:only\\s+)?(${names})\\b`, 'gi');
  return queriesOf(text).flatMap((query) =>
    [...query.matchAll(pattern)].map(([, word = '', table = '']) => ({ file, verb: verbOf(word), table, query })),
  );
}

function verbOf(word: string): string {
  const [first = ''] = word.toLowerCase().split(' ');
  return first === 'insert' || first === 'update' || first === 'delete' ? first : 'select';
}

/** The queries of a text, each without those inside it; brackets that hold no query stay in the query around them. */
export function queriesOf(text: string): readonly string[] {
  const queries: string[] = [];
  const walk = (from: number): { readonly text: string; readonly end: number } => {
    let own = '';
    let at = from;
    for (; at < text.length && text.charAt(at) !== ')'; at += 1) {
      if (text.charAt(at) !== '(') own += text.charAt(at);
      else {
        const inner = walk(at + 1);
        own += /^\s*(select|insert|update|delete|with)\b/i.test(inner.text) ? '()' : `(${inner.text})`;
        at = inner.end;
      }
    }
    if (/^\s*(select|insert|update|delete|with)\b/i.test(own) && from > 0) queries.push(own);
    return { text: own, end: at };
  };
  queries.push(walk(0).text);
  return queries;
}
