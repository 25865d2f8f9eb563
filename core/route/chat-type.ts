import type { ChatType } from './envelope.ts';

/** A chat of a platform, named by its raw id. */
interface Chat {
  readonly platform: string;
  readonly chatId: string;
}

/**
 * The types that a chat may have by what its id tells, the likeliest first. A platform's adapter learns the type with the
 * first message; who writes to a chat before knows no more than this.
 */
export function possibleChatTypes({ platform, chatId }: Chat): readonly [ChatType, ...ChatType[]] {
  if (platform === 'telegram') return /^[-@]/.test(chatId) ? ['group', 'channel'] : ['direct'];
  if (platform === 'slack') return /^[DU]/.test(chatId) ? ['direct'] : ['group', 'channel'];
  return ['group', 'channel', 'direct'];
}
