import type { AgentEntry } from '../../../core/snapshot/schema.ts';

/** The account of every Agent of a storm that writes to Telegram. */
export const accountName = 'bot';

/** The account of this Agent, at the Bot API of `apiURL`. */
export function telegramAccount(agent: string, apiURL: string): AgentEntry['accounts'][number] {
  return {
    name: accountName,
    platform: 'telegram',
    shared: false,
    onAmbiguous: 'Park',
    credentials: { token: credentialName(agent) },
    settings: { apiURL },
  };
}

/** The token of each Agent's account, by the names that the accounts have for them. */
export function telegramTokens(agents: readonly Pick<AgentEntry, 'name'>[]): Record<string, string> {
  return Object.fromEntries(agents.map(({ name }) => [credentialName(name), telegramToken(name)]));
}

/** The token that only this Agent may send with. */
export function telegramToken(agent: string): string {
  return `1:${agent}`;
}

function credentialName(agent: string): string {
  return `${agent}.v1`;
}
