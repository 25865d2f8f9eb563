/** Kind of conversation a message came from. A thread is always `threadId` inside its `chatId`. */
export type ChatType = 'direct' | 'group' | 'channel';

/** One part of a message, in the shape of the Open Responses input items. */
export type MessagePart =
  | { readonly type: 'input_text'; readonly text: string }
  | { readonly type: 'input_image'; readonly imageUrl: string };

/** One inbound message, whatever it came from. '' stands for "absent" in every string field. */
export interface Envelope {
  readonly platform: string;
  /** `<agent>/<name>`; '' for `api`. */
  readonly account: string;
  readonly chatId: string;
  readonly chatType: ChatType;
  readonly threadId: string;
  readonly userId: string;
  /** The platform's second stable user id. */
  readonly userIdAlt: string;
  readonly guildId: string;
  /** The chat's container (forum, category), never a thread's chat. */
  readonly parentChatId: string;
  /** Name of the gateway key that authenticated the request. */
  readonly apiKey: string;
  /** The `model` of the request as the client wrote it. */
  readonly model: string;
  /** Lower-case header name -> value. */
  readonly headers: Readonly<Record<string, string>>;
  /** Claims of the bearer token. */
  readonly claims: Readonly<Record<string, unknown>>;
  readonly text: string;
  readonly parts: readonly MessagePart[];
  readonly messageId: string;
  /** Unix milliseconds. */
  readonly receivedAt: number;
}

/** Platform values that a Route may name. */
export const platforms = [
  'api',
  'webhook',
  'telegram',
  'discord',
  'slack',
  'matrix',
  'feishu',
  'wecom',
  'yuanbao',
] as const;

/** Headers that carry a secret: no envelope has them, so no match and no expression can read them. */
export const secretHeaders: readonly string[] = ['authorization', 'cookie'];

/** An envelope in which everything not given is absent. */
export function envelope(fields: Partial<Envelope>): Envelope {
  return {
    platform: 'api',
    account: '',
    chatId: '',
    chatType: 'direct',
    threadId: '',
    userId: '',
    userIdAlt: '',
    guildId: '',
    parentChatId: '',
    apiKey: '',
    model: '',
    headers: {},
    claims: {},
    text: '',
    parts: [],
    messageId: '',
    receivedAt: 0,
    ...fields,
  };
}
