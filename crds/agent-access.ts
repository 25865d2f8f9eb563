import { reference } from './common.ts';
import { choice, fields, flag, httpURL, integer, label, mapList } from './field.ts';

const settings = fields(
  {
    telegram: fields(
      {
        receive: choice(['Polling', 'Webhook'], 'How messages arrive.').default('Polling'),
        apiURL: httpURL('Address of a Bot API server of your own, instead of https://api.telegram.org.').optional(),
      },
      'Settings of a telegram account. Its Secret holds the token of the bot under `token`.',
    ).optional(),
    slack: fields(
      {
        receive: choice(['Socket', 'Webhook'], 'How messages arrive.').default('Socket'),
        apiURL: httpURL('Address of a proxy in front of the Web API, instead of https://slack.com/api.').optional(),
      },
      'Settings of a slack account. Its Secret holds the token of the bot user under `token`.',
    ).optional(),
    discord: fields(
      {
        apiURL: httpURL(
          'Address of a proxy in front of the HTTP API with its version, instead of https://discord.com/api/v10.',
        ).optional(),
      },
      'Settings of a discord account. Its Secret holds the token of the bot under `token`.',
    ).optional(),
    matrix: fields(
      { homeserverURL: httpURL('Address of the homeserver.') },
      'Settings of a matrix account. Its Secret holds the access token of a device of its own under `token`.',
    ).optional(),
    feishu: fields(
      { domain: choice(['feishu', 'lark'], 'Which of the two services the account belongs to.').default('feishu') },
      'Settings of a feishu account.',
    ).optional(),
  },
  'Settings that belong to the platform of the account.',
);

/** `spec.accounts` of an Agent. */
export const accounts = mapList(
  fields(
    {
      name: label('Name of the account. Everywhere else it is written <agent>/<name>.'),
      platform: choice(
        ['webhook', 'telegram', 'discord', 'slack', 'matrix', 'feishu', 'wecom', 'yuanbao'],
        'The chat platform.',
      ),
      secretRef: reference(
        'The Secret with the credentials of the account. It must be labelled talaria.dev/credentials=true. Senders read its key `token`.',
      ),
      shared: flag('Routes may hand chats of this account to other agents.').default(false),
      onAmbiguous: choice(
        ['Park', 'Resend'],
        'What becomes of a message whose sending ended without an answer: Park keeps it for a person, Resend risks that it arrives twice.',
      ).default('Park'),
      settings: settings.optional(),
    },
    'One chat account of the agent.',
  ),
  'name',
  { max: 16 },
  'The chat accounts of the agent itself.',
).default([]);

const keyLimits = fields(
  {
    requestsPerMinute: integer(1, 1_000_000, 'Requests in a minute, over all replicas.').optional(),
    tokensPerDay: integer(1, 1_000_000_000_000, 'Tokens in a day (UTC), over all replicas.').optional(),
  },
  'Bounds of this key, besides those of the agent.',
);

const apiKey = fields(
  {
    name: label('Name of the key, for logs and for the principal agent-key:<agent>/<name>.'),
    secretRef: reference(
      'The Secret that holds the key under `key`. During a rotation the one before is valid too, under `previousKey`.',
    ),
    deliver: flag('Requests with this key may deliver their result to chats.').default(false),
    limits: keyLimits.optional(),
  },
  'One API key.',
);

/** `spec.access` of an Agent. */
export const access = fields(
  { apiKeys: mapList(apiKey, 'name', { max: 64 }, 'API keys that may call this agent and no other.').default([]) },
  'Who may call the agent.',
);
