import { randomBytes } from 'node:crypto';
import type { FakePlatform } from '../../harness/fake-platform.ts';
import type { MockAnthropic } from '../../harness/mock-anthropic.ts';
import type { MockModel } from '../../harness/mock-model.ts';
import type { Receiver } from '../delivery/receiver.ts';
import type { Markers } from './markers.ts';

/** Everybody outside to whom the agents of the world bring a secret. */
export interface Outside {
  readonly model: MockModel;
  readonly fallback: MockModel;
  readonly anthropic: MockAnthropic;
  readonly telegram: FakePlatform;
  readonly slack: FakePlatform;
  readonly discord: FakePlatform;
  readonly matrix: FakePlatform;
  readonly receiver: Receiver;
}

/** One value for every kind of Secret that Talaria reads. */
export function makeSecrets({ add, make, makeKey }: Markers) {
  const signing = (kind: string) => {
    const bare = randomBytes(24).toString('base64');
    add(kind, bare.replaceAll('=', ''));
    return `whsec_${bare}`;
  };
  return {
    model: make('ModelKey'),
    fallback: make('FallbackKey'),
    anthropic: make('AnthropicKey'),
    telegram: `123456:${make('TelegramToken')}`,
    slack: make('SlackToken'),
    discord: make('DiscordToken'),
    matrix: make('MatrixToken'),
    header: make('ToolHeader'),
    webhook: signing('WebhookSecret'),
    webhookBefore: signing('PreviousWebhookSecret'),
    agentKey: makeKey('AgentKey'),
    agentKeyBefore: makeKey('PreviousAgentKey'),
    gatewayKey: makeKey('GatewayKey'),
    gatewayKeyBefore: makeKey('PreviousGatewayKey'),
    unlabelled: make('UnlabelledSecret'),
    foreign: make('SecretOfAnotherAgent'),
    faulty: makeKey('FaultyGatewayKey'),
  };
}

export type WorldSecrets = ReturnType<typeof makeSecrets>;

/** The Secrets of the world. */
export function secretManifests(values: WorldSecrets): readonly object[] {
  const credentials = { 'talaria.dev/credentials': 'true' };
  const gatewayKey = { 'talaria.dev/gateway-key': 'true' };
  const secret = (name: string, stringData: object, labels: object = credentials, annotations: object = {}) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, labels, annotations },
    stringData,
  });
  return [
    secret('model', { key: values.model }),
    secret('fallback', { key: values.fallback }),
    secret('anthropic', { key: values.anthropic }),
    secret('telegram', { token: values.telegram }),
    secret('slack', { token: values.slack }),
    secret('discord', { token: values.discord }),
    secret('matrix', { token: values.matrix }),
    secret('tool-headers', { Authorization: `Bearer ${values.header}` }),
    secret('hook', { key: values.webhook, previousKey: values.webhookBefore }),
    secret('agent-key', { key: values.agentKey, previousKey: values.agentKeyBefore }),
    secret('partner', { key: values.gatewayKey, previousKey: values.gatewayKeyBefore }, gatewayKey, {
      'talaria.dev/agents': '*',
      'talaria.dev/role': 'admin',
    }),
    secret('faulty', { key: values.faulty }, gatewayKey, { 'talaria.dev/agents': '*', 'talaria.dev/role': 'root' }),
    secret('unlabelled', { key: values.unlabelled }, {}),
    secret('foreign', { key: values.foreign }, credentials, { 'talaria.dev/allowed-agents': 'somebody-else' }),
  ];
}

/** Agents and a CronJob that use every Secret, and Agents that may not use the one they name. */
export function worldManifests(outside: Outside, webhookPath: string): readonly object[] {
  const object = (kind: string, name: string, spec: object) => ({
    apiVersion: 'talaria.dev/v1alpha1',
    kind,
    metadata: { name },
    spec,
  });
  const model = (baseURL: string, secret: string, provider = 'openai-compatible') => ({
    provider,
    name: 'm',
    baseURL,
    apiKeySecretRef: { name: secret },
    maxRetries: 0,
  });
  const account = (platform: string, settings: object) => ({
    name: platform,
    platform,
    secretRef: { name: platform },
    settings: { [platform]: settings },
  });
  const chat = (platform: string, chatId: string) => ({ name: platform, account: platform, chatId });
  return [
    object('Agent', 'clerk', {
      default: true,
      model: { ...model(outside.model.baseURL, 'model'), fallbacks: [model(outside.fallback.baseURL, 'fallback')] },
      tools: {
        mcpServers: [{ name: 'files', url: 'https://tools.example/mcp', headersSecretRef: { name: 'tool-headers' } }],
      },
      accounts: [
        account('telegram', { apiURL: outside.telegram.url }),
        account('slack', { apiURL: outside.slack.url }),
        account('discord', { apiURL: outside.discord.url }),
        account('matrix', { homeserverURL: outside.matrix.url }),
      ],
      access: { apiKeys: [{ name: 'desk', secretRef: { name: 'agent-key' }, deliver: true }] },
    }),
    object('Agent', 'poet', { model: model(outside.anthropic.baseURL, 'anthropic', 'anthropic') }),
    object('Agent', 'thief', { model: model(outside.model.baseURL, 'unlabelled') }),
    object('Agent', 'guest', { model: model(outside.model.baseURL, 'foreign') }),
    object('CronJob', 'report', {
      schedule: '0 0 1 1 *',
      agentRef: { name: 'clerk' },
      prompt: { inline: 'Report.' },
      deliver: [
        { name: 'hook', webhook: { url: `${outside.receiver.url}/${webhookPath}`, secretRef: { name: 'hook' } } },
        chat('telegram', '42'),
        chat('slack', 'C1'),
        chat('discord', '77'),
        chat('matrix', '!room:example.org'),
        { name: 'console', log: true },
      ],
    }),
  ];
}
