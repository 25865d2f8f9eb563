import type { Draft } from '../draft.ts';

/** The platforms of Hermes for which a bot's token is a variable, and the variable of the chat that is its home. */
export const hermesPlatforms = {
  telegram: { token: 'TELEGRAM_BOT_TOKEN', home: 'TELEGRAM_HOME_CHANNEL' },
  discord: { token: 'DISCORD_BOT_TOKEN', home: 'DISCORD_HOME_CHANNEL' },
  slack: { token: 'SLACK_BOT_TOKEN', home: 'SLACK_HOME_CHANNEL' },
  matrix: { token: 'MATRIX_ACCESS_TOKEN', home: 'MATRIX_HOME_ROOM' },
} as const;

export type HermesPlatform = keyof typeof hermesPlatforms;

/** `accounts` of the Agent that has the bots: one for each platform whose token is there, named like the platform. */
export function toAccounts(draft: Draft, agent: string, variables: ReadonlyMap<string, string>): object {
  const accounts = platformsOf(variables).map((platform) => {
    const { token } = hermesPlatforms[platform];
    const homeserverURL = variables.get('MATRIX_HOMESERVER') ?? 'https://set-the-homeserver.invalid';
    const name = draft.addSecret({
      name: `${agent}-${platform}`,
      agent,
      host: undefined,
      keys: [{ key: 'token', from: token, value: variables.get(token) }],
    });
    return {
      name: platform,
      platform,
      shared: true,
      secretRef: { name },
      ...(platform === 'matrix' ? { settings: { matrix: { homeserverURL } } } : {}),
    };
  });
  if (accounts.length > 0) {
    draft.note(
      'changed',
      '.env',
      `The bots belong to ${agent}, which shares them: other Agents need a Route that gives them a chat.`,
    );
  }
  return accounts.length === 0 ? {} : { accounts };
}

/** The platforms whose token is there. */
export function platformsOf(variables: ReadonlyMap<string, string>): readonly HermesPlatform[] {
  return (Object.keys(hermesPlatforms) as HermesPlatform[]).filter((name) =>
    variables.has(hermesPlatforms[name].token),
  );
}
