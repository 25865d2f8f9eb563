import type { PlatformBehaviour, SeenMessage } from '../../harness/fake-platform.ts';
import { startFakeTelegram } from '../../harness/fake-telegram.ts';
import type { Random } from '../../isolation/random.ts';
import { type Faults, type FaultyTarget, pickFault } from './faulty-target.ts';
import { accountName, telegramToken } from './telegram-accounts.ts';

/**
 * Telegram, with a bot for each Agent and a private chat with that bot for each chat. It fails as often as `faults` says:
 * with what stands in front of it (503, sent again), with its own 500 (parked), and now and then it knows a token no more
 * for one request (401, for which the account waits).
 */
export async function startFaultyTelegram(
  faults: Faults,
  random: Random,
  agentOf: (chat: number) => string,
): Promise<FaultyTarget> {
  const telegram = await startFakeTelegram();
  telegram.always(() => behave(pickFault(faults, random), random));
  const lineOf = (chat: number) => `chat:${agentOf(chat)}/${accountName}:${idOf(chat)}`;
  return {
    row: (chat, agent) => ({
      line: lineOf(chat),
      kind: 'account',
      destination: { account: `${agent}/${accountName}`, platform: 'telegram', chatId: idOf(chat), threadId: '' },
    }),
    telegramURL: telegram.url,
    takes: () => telegram.shown.map((shown) => ({ line: lineOf(chatOf(shown)), number: Number(shown.text), id: '' })),
    requests: () => telegram.seen.length,
    foreignTokens: () => telegram.seen.filter((seen) => seen.token !== telegramToken(agentOf(chatOf(seen)))).length,
    stop: telegram.stop,
  };
}

/** No chat of Telegram has the id 0. */
function idOf(chat: number): string {
  return String(chat + 1);
}

function chatOf({ chat }: SeenMessage): number {
  return Number(chat) - 1;
}

function behave(fault: keyof Faults | undefined, random: Random): PlatformBehaviour {
  if (fault === 'fails') return fail(random);
  if (fault === 'limits') return { kind: 'limit', seconds: 1 };
  if (fault === 'hangs') return { kind: random.chance(0.5) ? 'stall' : 'hang' };
  if (fault === 'dies') return { kind: 'die' };
  return { kind: fault === 'resets' ? 'reset' : 'take' };
}

const refusedTokenShare = 0.05;

function fail(random: Random): PlatformBehaviour {
  if (random.chance(refusedTokenShare)) return { kind: 'refuse', code: 'Unauthorized', status: 401 };
  if (random.chance(0.5)) return { kind: 'refuse', code: 'Internal Server Error', status: 500 };
  return { kind: 'reply', reply: { status: 503, body: '<html>503 Service Temporarily Unavailable</html>' } };
}
