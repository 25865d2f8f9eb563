import { reference, textSource } from './common.ts';
import { choice, fields, httpURL, integer, label, mapList, objectName, patterned, setList, text } from './field.ts';

const pathSegment = String.raw`\.{0,2}[A-Za-z0-9_-][A-Za-z0-9._-]*`;
const relativePath = new RegExp(`^${pathSegment}(/${pathSegment})*$`);

const toolNames = (description: string) =>
  setList(text(128, 'Name of a tool, as the server knows it.'), { max: 64 }, description).default([]);

/** `spec.skills` of an Agent. */
export const skills = mapList(
  fields(
    { name: label('Name of the skill: its folder below skills/.', 64), ...textSource },
    'One skill: the file skills/<name>/SKILL.md in the home of the agent.',
  ),
  'name',
  { max: 32 },
  'Texts that the agent can look up when a task needs them.',
).default([]);

const mcpServer = fields(
  {
    name: label('Name of the server; its tools are offered as <name>_<tool>.'),
    url: httpURL('Address of the server (streamable HTTP).'),
    headersSecretRef: reference('A Secret whose every key is a header that is sent with its value.').optional(),
    allow: toolNames('Tools that are offered to the model. What is not named is not offered.'),
    deny: toolNames('Tools that are never offered, also when allow names them.'),
    requireApproval: toolNames('Tools that run only after somebody approved the call.'),
  },
  'One MCP server.',
);

/** `spec.tools` of an Agent. */
export const tools = fields(
  {
    builtin: setList(
      choice(['memory', 'files', 'ask_agent'], 'Name of a built-in tool.'),
      { max: 64 },
      'Built-in tools that are offered to the model.',
    ).default([]),
    mcpServers: mapList(mcpServer, 'name', { max: 16 }, 'MCP servers whose tools are offered to the model.').default(
      [],
    ),
    maxSteps: integer(1, 256, 'How many times in one turn the model may be called.').default(16),
  },
  'What the agent can do besides answering.',
);

const file = fields(
  {
    path: patterned(
      relativePath,
      256,
      'must be a path inside the home: no leading "/", no "." or ".." as a part, only letters, digits, ".", "_" and "-"',
      'Path of the file inside the home of the agent.',
    ),
    ...textSource,
    policy: choice(
      ['Seed', 'Sync'],
      'Seed writes the file once and then leaves it to the agent; Sync keeps it as it is written here.',
    ).default('Sync'),
  },
  'One file in the home of the agent.',
);

const volume = fields(
  {
    size: patterned(
      /^[1-9][0-9]{0,5}(Mi|Gi|Ti)$/,
      16,
      'must be a number with Mi, Gi or Ti, such as 10Gi',
      'Size of the volume, such as 10Gi. Immutable. Exactly one of size and existingClaim is set.',
    ).optional(),
    storageClassName: objectName(
      'StorageClass of the volume; the default class of the cluster when absent. Immutable.',
    ).optional(),
    accessMode: choice(
      ['ReadWriteMany', 'ReadWriteOnce'],
      'How the volume is mounted. ReadWriteOnce works only with one gateway replica and the strategy Recreate.',
    ).default('ReadWriteMany'),
    existingClaim: objectName('An existing PersistentVolumeClaim, labelled talaria.dev/agent=<name>.').optional(),
    reclaimPolicy: choice(
      ['Retain', 'Delete'],
      'What becomes of the claim when the Agent is deleted. An existing claim is never deleted.',
    ).default('Retain'),
  },
  'A volume for the workspace of the agent. Without it the workspace is kept in the database.',
);

/** `spec.profile` of an Agent. */
export const profile = fields(
  {
    files: mapList(file, 'path', { max: 32 }, 'Files in the home of the agent.').default([]),
    volume: volume.optional(),
  },
  'The home directory of the agent.',
);
