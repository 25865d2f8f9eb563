import { type Draft, toLabel } from '../draft.ts';
import { entriesIn, listIn, member, textIn } from '../fields.ts';
import type { OpenClawSource } from './read.ts';
import { secretValue } from './secret-value.ts';

/** Where each platform that Talaria sends through keeps the token of a bot, and the variable of its default account. */
const channels = {
  telegram: { token: 'botToken', variable: 'TELEGRAM_BOT_TOKEN' },
  discord: { token: 'token', variable: 'DISCORD_BOT_TOKEN' },
  slack: { token: 'botToken', variable: 'SLACK_BOT_TOKEN' },
  matrix: { token: 'accessToken', variable: 'MATRIX_ACCESS_TOKEN' },
} as const;

type Channel = keyof typeof channels;

/** An account of a channel, and the Agent that has it here. */
export interface Account {
  readonly channel: Channel;
  /** `default` or the id that OpenClaw gives it. */
  readonly id: string;
  /** Its name in the Agent. */
  readonly name: string;
  /** The name of the Agent. */
  readonly agent: string;
  readonly spec: Readonly<Record<string, unknown>>;
}

/**
 * The accounts of the configuration. An account belongs to the agent that its own binding names, else to the default one; it is
 * shared, so that rules may hand its chats to others.
 */
export function accountsOf(
  draft: Draft,
  openclaw: OpenClawSource,
  names: ReadonlyMap<string, string>,
  fallback: string,
): readonly Account[] {
  const { config } = openclaw;
  for (const [name] of entriesIn(config, 'channels')) {
    if (Object.hasOwn(channels, name) || name === 'defaults') continue;
    draft.note('left out', `channels.${name}`, 'Talaria sends and receives nothing there.');
  }
  return (Object.keys(channels) as Channel[]).flatMap((channel) => {
    const settings = member(config, 'channels', channel);
    if (settings === undefined || member(settings, 'enabled') === false) return [];
    noteAccess(draft, channel, settings);
    const many = entriesIn(settings, 'accounts').map(([id, own]) => ({
      id,
      own,
      place: `channels.${channel}.accounts.${id}`,
    }));
    const hasOwn = member(settings, channels[channel].token) !== undefined;
    const single = hasOwn || many.length === 0 ? [{ id: 'default', own: settings, place: `channels.${channel}` }] : [];
    const all = many.some(({ id }) => id === 'default') ? many : [...single, ...many];
    return all.map(({ id, own, place }) => {
      const agent = ownerOf(config, channel, id, names) ?? fallback;
      return { channel, id, agent, ...accountSpec(draft, openclaw, { channel, id, agent, own, settings, place }) };
    });
  });
}

interface Written {
  readonly channel: Channel;
  readonly id: string;
  readonly agent: string;
  readonly own: unknown;
  readonly settings: unknown;
  readonly place: string;
}

function accountSpec(
  draft: Draft,
  { variables }: OpenClawSource,
  { channel, id, agent, own, settings, place }: Written,
) {
  const { token, variable } = channels[channel];
  const name = toLabel(id === 'default' ? channel : `${channel}-${id}`);
  const fallback = id === 'default' ? variable : `${place}.${token}`;
  const secret = secretValue(member(own, token), `${place}.${token}`, variables) ?? {
    from: fallback,
    value: variables.get(fallback),
  };
  const homeserverURL =
    textIn(own, 'homeserver') ?? textIn(settings, 'homeserver') ?? 'https://set-the-homeserver.invalid';
  const secretName = draft.addSecret({
    name: `${agent}-${name}`,
    agent,
    host: undefined,
    keys: [{ key: 'token', from: secret.from, value: secret.value }],
  });
  const spec = {
    name,
    platform: channel,
    shared: true,
    secretRef: { name: secretName },
    ...(channel === 'matrix' ? { settings: { matrix: { homeserverURL } } } : {}),
  };
  return { name, spec };
}

/** Who answers an account as a whole. */
function ownerOf(config: unknown, channel: string, id: string, names: ReadonlyMap<string, string>): string | undefined {
  const binding = listIn(config, 'bindings').find((one) => {
    const match = member(one, 'match');
    const narrow = ['peer', 'guildId', 'teamId', 'roles'].some((key) => member(match, key) !== undefined);
    return textIn(match, 'channel') === channel && (textIn(match, 'accountId') ?? 'default') === id && !narrow;
  });
  return names.get(textIn(binding, 'agentId') ?? '');
}

const accessFields = ['dmPolicy', 'allowFrom', 'groupPolicy', 'groupAllowFrom', 'groups', 'guilds', 'channels', 'dm'];

function noteAccess(draft: Draft, channel: string, settings: unknown): void {
  const used = accessFields.filter((key) => member(settings, key) !== undefined);
  const cure = 'who may write to the bot is decided on the platform, and by Routes';
  if (used.length > 0) draft.note('to do', `channels.${channel}`, `${used.join(', ')} are left out: ${cure}.`);
}
