import { TalariaError } from '../../core/lib/errors.ts';

/** Which methods each path of the server takes, to tell an unknown path from a wrong method. */
export interface MethodTable {
  readonly add: (pattern: string, methods: string | readonly string[]) => void;
  /** The methods of the path, none when nothing is there. `url` may carry a query. */
  readonly allowed: (url: string) => readonly string[];
  /** The error for a request that no route took. */
  readonly refusal: (method: string, url: string) => TalariaError;
}

/** An empty table. Patterns are fastify's, with `:name` for one segment. */
export function createMethodTable(): MethodTable {
  const rows: { readonly path: RegExp; readonly methods: readonly string[] }[] = [];
  const allowed = (url: string) => {
    const path = url.split('?')[0] ?? '';
    return [...new Set(rows.filter((row) => row.path.test(path)).flatMap((row) => row.methods))].sort();
  };
  return {
    add: (pattern, methods) => {
      rows.push({ path: toRegExp(pattern), methods: [methods].flat() });
    },
    allowed,
    refusal: (method, url) => {
      const others = allowed(url);
      // The path is not repeated: some clients put their key there.
      if (others.length === 0)
        return new TalariaError('not_found', 'There is nothing at this path. GET /openapi.json lists the paths.');
      const path = (url.split('?')[0] ?? '').slice(0, 200);
      return new TalariaError('method_not_allowed', `${path} does not take ${method}. It takes ${others.join(', ')}.`);
    },
  };
}

function toRegExp(pattern: string): RegExp {
  const segments = pattern
    .split('/')
    .map((segment) => (segment.startsWith(':') ? '[^/]+' : segment.replaceAll('.', '\\.')));
  return new RegExp(`^${segments.join('/')}$`);
}
