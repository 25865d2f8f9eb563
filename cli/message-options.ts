import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Envelope, platforms } from '../core/route/envelope.ts';

/** What options say of a message. */
export type MessageOptions = Partial<Omit<Envelope, 'headers'>> & {
  readonly header: Readonly<Record<string, string>>;
};

/** Gives a command an option for each field of a message by which it is routed. */
export function addMessageOptions(command: Command): Command {
  command.addOption(new Option('--platform <name>', 'where the message came from').choices(platforms).default('api'));
  command.addOption(new Option('--chat-type <type>', 'kind of the chat').choices(['direct', 'group', 'channel']));
  for (const [flag, meaning] of fieldFlags) command.option(flag, meaning);
  return command
    .option('--header <name=value>', 'a header of the request; may be repeated', collectHeader, {})
    .option('--text <text>', 'text of the message');
}

/** The fields of a message that options gave. */
export function messageOf(options: MessageOptions): Partial<Envelope> {
  const { platform, chatType, header: headers, text } = options;
  const given = fieldNames.map((name) => [name, options[name]] as const).filter(([, value]) => value !== undefined);
  return {
    ...(platform === undefined ? {} : { platform }),
    ...(chatType === undefined ? {} : { chatType }),
    ...Object.fromEntries(given),
    headers,
    ...(text === undefined ? {} : { text }),
  };
}

const fieldFlags = [
  ['--account <agent/name>', 'account that received the message'],
  ['--chat-id <id>', 'chat'],
  ['--thread-id <id>', 'thread in the chat'],
  ['--user-id <id>', 'user'],
  ['--user-id-alt <id>', 'second stable id of the user'],
  ['--guild-id <id>', 'server, workspace or tenant'],
  ['--parent-chat-id <id>', 'container of the chat'],
  ['--api-key <name>', 'name of the gateway key'],
  ['--model <name>', 'model that the request names'],
] as const;
const fieldNames = [
  'account',
  'chatId',
  'threadId',
  'userId',
  'userIdAlt',
  'guildId',
  'parentChatId',
  'apiKey',
  'model',
] as const satisfies readonly (keyof Envelope)[];

function collectHeader(text: string, before: Record<string, string>): Record<string, string> {
  const separator = text.indexOf('=');
  if (separator < 1) throw new InvalidArgumentError('write it as name=value.');
  return { ...before, [text.slice(0, separator).toLowerCase()]: text.slice(separator + 1) };
}
