import { conditionTable } from '../core/conditions.ts';
import { maxExpressionOnlyRules } from '../core/route/expression.ts';
import { maxExpressionNodes } from '../core/route/expression-check.ts';
import { variables } from '../core/route/expression-input.ts';
import { apiVersion, type Kind, kinds } from './common.ts';
import { customResourceDefinition } from './custom-resource.ts';
import { inertNote } from './limited.ts';
import { rules } from './rules.ts';
import { facts } from './served-schema.ts';
import { type SchemaNode, structuralSchema } from './structural-schema.ts';

/** The reference of the API as one page of Markdown: every field, every rule, every condition. */
export function apiReference(): string {
  const parts = [introduction(), ...(Object.keys(kinds) as Kind[]).map(kindPart), expressionPart(), conditionPart()];
  return `${parts.join('\n\n')}\n`;
}

function introduction(): string {
  return `<!-- Generated from crds/ by npm run generate. -->

# API reference: ${apiVersion}

Three kinds, all of them namespaced: ${Object.keys(kinds)
    .map((kind) => `[${kind}](#${kind.toLowerCase()})`)
    .join(', ')}. References are to objects of the same namespace.
\`kubectl get talaria\` lists all three. Kinds of other groups have the same names, so write the full name where it matters: \`kubectl get cronjobs.talaria.dev\`.

A manifest gets one of three verdicts. **Refused**: the API server does not take it. **Not accepted**: it is stored, the condition
\`Accepted\` is False with a reason, and what was in force before stays in force. **Accepted**: it takes effect. \`talaria validate\` gives the same verdict without a cluster.

Fields in **bold** are required. Ids are texts: put them in quotes, because a large number loses digits. "At most" counts characters.
Defaults inside lists are applied by the operator; the API server stores the list as it was written.`;
}

function kindPart(kind: Kind): string {
  const { plural, shortName } = kinds[kind];
  const schema = structuralSchema(kind);
  const { spec = {}, status = {} } = schema.properties ?? {};
  const columns = customResourceDefinition(kind).spec.versions[0]?.additionalPrinterColumns ?? [];
  const names = columns.map(({ name, priority }) => (priority === undefined ? name : `${name} (wide)`));
  return [
    `## ${kind}\n\n${spec.description}\n\nFull name \`${plural}.talaria.dev\`, short name \`${shortName}\`. Columns: ${names.join(', ')}.`,
    ...objectTables(kind, 'spec', spec),
    ...objectTables(kind, 'status', status),
    refusedTable(kind),
    notAcceptedTable(kind),
  ].join('\n\n');
}

/** One table for an object, and after it one for each object or list of objects that does not fit into it. */
function objectTables(kind: Kind, path: string, node: SchemaNode): string[] {
  const table = [
    '| field | type | bounds and default | meaning |',
    '|---|---|---|---|',
    ...fieldRows(kind, path, '', node),
  ];
  const nested = Object.entries(node.properties ?? {}).flatMap(([name, member]) => {
    if (name === 'conditions' || isSmall(member)) return [];
    if (member.properties !== undefined) return objectTables(kind, `${path}.${name}`, member);
    return member.items?.properties === undefined ? [] : objectTables(kind, `${path}.${name}[]`, member.items);
  });
  return [`### ${kind}: ${path}\n\n${table.join('\n')}`, ...nested];
}

/** `prefix` is the way from the object of the table to `node`. */
function fieldRows(kind: Kind, path: string, prefix: string, node: SchemaNode): string[] {
  return Object.entries(node.properties ?? {}).flatMap(([name, member]) => {
    const shown = node.required?.includes(name) ? `${prefix}**${name}**` : `${prefix}${name}`;
    const at = `${path}.${name}`;
    const note = inertNote(kind, at) || inertNote(kind, `${at}[]`);
    const meaning = `${member.description ?? ''}${note === '' ? '' : ` *${note}*`}`;
    const own = row([shown, typeOf(member), facts(member).join(' '), meaning]);
    return isSmall(member) ? [own, ...fieldRows(kind, `${path}.${name}`, `${prefix}${name}.`, member)] : [own];
  });
}

/** Whether an object has a few plain fields only, which are shown in the table of its parent. */
function isSmall(node: SchemaNode): boolean {
  const members = Object.values(node.properties ?? {});
  const plain = members.every((member) => member.properties === undefined && member.items?.properties === undefined);
  return members.length > 0 && members.length <= 3 && plain;
}

function typeOf(node: SchemaNode): string {
  if (node.enum !== undefined) return node.enum.map((word) => `\`${word}\``).join(', ');
  if (node.items !== undefined)
    return `list of ${node.items.properties === undefined ? typeOf(node.items) : 'objects'}`;
  if (node.type === 'string') return node.format === 'date-time' ? 'time' : 'text';
  return node.type ?? '';
}

function refusedTable(kind: Kind): string {
  const rows = rules[kind].refused.map(({ at, field = '', message, cure }) => {
    const places = at.map((path) => `\`${`${path}${field}`.replace(/^\./, '')}\``);
    return row([places.join(', '), message, cure]);
  });
  return [`### ${kind}: also refused`, '', '| where | rule | cure |', '|---|---|---|', ...rows].join('\n');
}

function notAcceptedTable(kind: Kind): string {
  const rows = rules[kind].notAccepted.map(({ reasons, asks }) =>
    row([asks, reasons.map((reason) => `\`${reason}\``).join(', ')]),
  );
  return [`### ${kind}: not accepted`, '', '| what is asked | reason when it is not so |', '|---|---|', ...rows].join(
    '\n',
  );
}

function expressionPart(): string {
  return `## Expressions

\`expression\` of a match is CEL and must give true or false. Its variables are the fields of the message: ${variables.map((name) => `\`${name}\``).join(', ')}.
All but the last two are texts, and absent ones are ''. \`headers\` has lower-case names; \`claims\` is what the bearer token claims, \`{}\` without one. \`text\` is cut to 4 KiB.
The other fields of the match are tested first. An expression of more than ${maxExpressionNodes} nodes or with nested comprehensions is not accepted; nor is a rule that has only an
expression once the namespace has ${maxExpressionOnlyRules} of them. When one fails while it is evaluated, the rule counts as matched and refuses with \`route_expression_error\`.`;
}

function conditionPart(): string {
  const { conditions = {} } = structuralSchema('Agent').properties?.status?.properties ?? {};
  const types = Object.entries(conditionTable).map(([type, { kinds: of, owner, status, meaning, reasons }]) => {
    const rows = Object.entries(reasons).map(([reason, text]) => row([`\`${reason}\``, text]));
    const head = `### ${type}\n\n${meaning} On ${of.join(', ')}; set by the ${owner}; ${status}.`;
    return [head, '', '| reason | meaning |', '|---|---|', ...rows].join('\n');
  });
  return [
    '## Conditions\n\nTypes and reasons are API. A message is stable while nothing changes. A type that is "True only" is absent otherwise.',
    ...objectTables('Agent', 'status.conditions[]', conditions.items ?? {}),
    ...types,
  ].join('\n\n');
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('<', '&lt;')).join(' | ')} |`;
}
