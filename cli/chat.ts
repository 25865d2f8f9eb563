import { randomBytes } from 'node:crypto';
import { text as textOf } from 'node:stream/consumers';
import type { Command } from 'commander';
import { type ChatClient, createChatClient, type Question } from './chat/chat-client.ts';
import { converse } from './chat/conversation.ts';
import { say } from './chat/say.ts';
import { gatewayCommand, withOpenGateway } from './remote/command.ts';
import { exitCodes, GatewayRefusal } from './remote/failures.ts';
import type { GatewayOptions } from './remote/gateway-place.ts';

interface ChatOptions extends GatewayOptions {
  readonly message?: string;
  readonly session?: string;
}

/** `talaria chat AGENT`: a conversation in the terminal, or one question. */
export function chatCommand(): Command {
  return gatewayCommand('chat', 'talk with an agent in the terminal, or ask it one question', [
    'talaria chat concierge                            a conversation, which is kept as a session',
    'talaria chat concierge --session planning         the same conversation as last time',
    'talaria chat concierge -m "Is it raining?"        one question, of which nothing is kept',
    'git diff | talaria chat coder > review.txt        the question from another program',
  ])
    .argument('<agent>', 'name of the Agent')
    .option('-m, --message <text>', 'ask this and end')
    .option('--session <name>', 'go on with this session: a name, which makes it if need be, or an id ses_...')
    .action((agent: string, options: ChatOptions) =>
      withOpenGateway('chat', options, async (gateway) => {
        const client = createChatClient(gateway);
        await checkAgent(client, agent);
        const message = options.message ?? (process.stdin.isTTY ? undefined : await textOf(process.stdin));
        if (message === undefined) await talk(client, agent, options.session);
        else await askOnce(client, { agent, session: options.session, text: message.trim() });
      }),
    );
}

/** Says who there is instead of an Agent that is not, which the gateway cannot for each way to ask it. */
async function checkAgent(client: ChatClient, agent: string): Promise<void> {
  const known = await client.agents();
  if (known.includes(agent)) return;
  const others = known.length === 0 ? 'It may call none.' : `It may call ${known.slice(0, 20).join(', ')}.`;
  throw new GatewayRefusal('model_not_found', `There is no Agent ${agent} for this key. ${others}`);
}

async function talk(client: ChatClient, agent: string, session: string | undefined): Promise<void> {
  const newSession = () => `chat-${randomBytes(4).toString('hex')}`;
  const person = { input: process.stdin, output: process.stdout, notes: process.stderr };
  const last = await converse(client, person, { agent, session: session ?? newSession(), newSession });
  if (last !== undefined) process.stderr.write(`\nGo on with: talaria chat ${agent} --session ${last}\n`);
}

async function askOnce(client: ChatClient, question: Question): Promise<void> {
  if (question.text === '') {
    process.stderr.write('talaria chat: there is no message: give one with -m, or on stdin.\n');
    process.exitCode = exitCodes.usage;
    return;
  }
  const turn = say(client, question, process.stdout);
  // A second one finds no listener and ends the process.
  process.once('SIGINT', turn.stop);
  const { stopped, note } = await turn.ended;
  process.off('SIGINT', turn.stop);
  if (note !== '') process.stderr.write(`talaria chat: ${note}\n`);
  if (stopped) process.exitCode = exitCodes.interrupted;
}
