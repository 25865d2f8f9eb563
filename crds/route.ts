import { z } from 'zod';
import { platforms } from '../core/route/envelope.ts';
import type { DeepReadonly } from '../core/snapshot/schema.ts';
import { apiVersion, conditions, metadataSchema, observedGeneration } from './common.ts';
import { atomicList, choice, fields, id, integer, label, mapList, objectName, patterned, text } from './field.ts';

const header = fields(
  {
    name: patterned(
      /^[a-z0-9][a-z0-9-]*$/,
      64,
      'must be the name of a header in lower case',
      'Name of the header, in lower case.',
    ),
    value: text(256, 'The exact value.'),
  },
  'One header of an HTTP request.',
);

const match = fields(
  {
    platform: choice(platforms, 'Where the message came from; api is the HTTP API.').optional(),
    account: patterned(
      /^[a-z0-9]([-a-z0-9]*[a-z0-9])?\/[a-z0-9]([-a-z0-9]*[a-z0-9])?$/,
      81,
      'must be <agent>/<account>',
      'The account that received the message, written <agent>/<name>.',
    ).optional(),
    chatId: id('Id of the chat, in quotes. Holds for the threads of the chat too.').optional(),
    chatType: choice(['direct', 'group', 'channel'], 'Kind of the chat.').optional(),
    threadId: id('Id of the thread, in quotes.').optional(),
    userId: id('Id of the user, in quotes.').optional(),
    userIdAlt: id('The second stable id that the platform has for the user, in quotes.').optional(),
    guildId: id('Id of the server, workspace or tenant, in quotes.').optional(),
    parentChatId: id('Id of the container of the chat (a forum, a category), in quotes.').optional(),
    apiKey: objectName('Name of the gateway key that authenticated the request.').optional(),
    model: id('The model that the request names.').optional(),
    headers: mapList(
      header,
      'name',
      { min: 1, max: 8 },
      'Headers that must all be present with these values.',
    ).optional(),
    expression: text(
      1024,
      'A CEL expression over the fields of the envelope, such as platform == "api" && chatId.startsWith("C"), for what the other fields cannot say. Absent fields are empty strings. When it fails at run time, the rule counts as matched and refuses with route_expression_error.',
    ).optional(),
  },
  'Fields that must all hold. At least one is set. Each is one exact, case-sensitive string unless it says otherwise.',
);

const agentRef = fields(
  {
    name: label('Name of the Agent, in the same namespace.'),
    weight: integer(
      0,
      1000,
      'Share of the conversations, in relation to the other weights of the list. 0 keeps existing conversations and takes no new one.',
    ).default(1),
  },
  'One agent.',
);

const rule = fields(
  {
    name: label('Name of the rule, for explanations, logs and conditions.'),
    matches: atomicList(match, { min: 1, max: 16 }, 'The rule matches when any of these does.'),
    agentRefs: mapList(
      agentRef,
      'name',
      { min: 1, max: 8 },
      'The agent that answers. Several split by weight; one conversation stays with one agent.',
    ),
    session: fields(
      {
        scope: choice(['User', 'Chat'], 'Who shares a session: each user has one of their own, or the chat has one.'),
      },
      'Overrides the session scopes of the agent.',
    ).optional(),
  },
  'One rule.',
);

const spec = fields(
  {
    priority: integer(
      -1000,
      1000,
      'Between Routes the higher one wins, before the more specific match and the older Route.',
    ).default(0),
    rules: mapList(
      rule,
      'name',
      { min: 1, max: 64 },
      'Inside one Route the first rule that matches wins, in this order.',
    ),
  },
  'Which conversation goes to which agent.',
);

const status = fields(
  {
    observedGeneration,
    conditions: conditions.default([]),
    rules: integer(0, 64, 'How many rules the Route has.').optional(),
    agents: text(512, 'The agents it names, in short.', 0).optional(),
  },
  'What the operator says about the Route.',
);

/** The whole Route. Parsing ignores unknown fields and applies every default. */
export const routeSchema = z.object({
  apiVersion: z.literal(apiVersion),
  kind: z.literal('Route'),
  metadata: metadataSchema,
  spec,
  status: status.prefault({}),
});

/** A Route with its defaults applied. */
export type Route = DeepReadonly<z.output<typeof routeSchema>>;
