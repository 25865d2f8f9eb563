import { describe, expect, it } from 'vitest';
import { credentialsOf } from '../../../../core/snapshot/credential-refs.ts';
import { agentEntry, emptyContent, gatewayKeyEntry, jobEntry } from './contents.ts';

const model = agentEntry('x').model;
const webhook = (secret: string) => ({
  name: 'hook',
  webhook: { url: 'https://example.com', secrets: [secret, 'shared'] },
  expireAfterSeconds: 60,
});

describe('the credentials of a snapshot', () => {
  it('are those of every place that can name one, each once', () => {
    const agent = agentEntry('a', {
      model: { ...model, apiKey: 'model', fallbacks: [{ ...model, apiKey: 'fallback' }, model] },
      tools: {
        builtin: [],
        maxSteps: 1,
        mcpServers: [
          { name: 'm', url: 'https://m', headers: { authorization: 'mcp' }, allow: [], deny: [], requireApproval: [] },
        ],
      },
      accounts: [
        {
          name: 'bot',
          platform: 'telegram',
          shared: false,
          onAmbiguous: 'Park',
          credentials: { token: 'account' },
          settings: {},
        },
      ],
      keys: [{ name: 'k', deliver: false, credentials: ['key-new', 'key-old'] }],
    });
    const job = { ...jobEntry('j', ''), deliver: [webhook('hook')] };
    const failing = { ...job, name: 'f', onFailure: { deliver: [webhook('failure')], afterConsecutive: 1 } };
    const names = credentialsOf({
      ...emptyContent,
      agents: [agent],
      jobs: [job, failing],
      gatewayKeys: [gatewayKeyEntry('g')],
    });
    expect([...names].sort()).toEqual(
      ['account', 'failure', 'fallback', 'g.key.v1', 'hook', 'key-new', 'key-old', 'mcp', 'model', 'shared'].sort(),
    );
  });
});
