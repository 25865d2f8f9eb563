import { errorTable } from '../core/lib/errors.ts';

/** The reference of the HTTP API's errors as one page of Markdown, made from their table. */
export function errorReference(): string {
  const rows = Object.entries(errorTable)
    .toSorted(([, left], [, right]) => left.http - right.http)
    .map(
      ([code, { http, retry, means, cure }]) =>
        `| \`${code}\` | ${http} | ${retry ? 'yes' : 'no'} | ${means} ${cure} |`,
    );
  return `${introduction}\n\n| code | status | repeat | what it means, and the cure |\n|---|---|---|---|\n${rows.join('\n')}\n`;
}

const introduction = `<!-- Generated from core/lib/errors.ts by npm run generate. -->

# Errors of the HTTP API

Every error has the shape of the OpenAI API: \`{"error": {"message", "type", "param", "code"}}\`. \`code\` is one of this
table and stays what it is; \`message\` says what happened, what was got and the cure; \`param\` names the field or header
at fault, or is null. In a stream that has begun, an error is the last event.

"Repeat" says whether the same request may succeed later by itself. The official SDKs repeat 408, 409, 429 and 5xx; the
header \`x-should-retry\` tells them whether to. It is \`false\` also on every error after a model or a tool was called,
since a repetition would pay twice. 429 and 503 carry \`Retry-After\` in seconds.`;
