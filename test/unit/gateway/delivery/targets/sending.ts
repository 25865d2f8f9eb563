import { Agent } from 'undici';
import { afterEach } from 'vitest';
import type {
  PlatformAccount,
  PlatformCall,
  PlatformMessage,
  PlatformSender,
} from '../../../../../gateway/delivery/targets/platform.ts';
import { createEgressPolicy, guardedConnector } from '../../../../../gateway/egress.ts';
import type { FakePlatform } from '../../../../harness/fake-platform.ts';

const started: FakePlatform[] = [];
const agents: Agent[] = [];

/** Stops what the tests of a file started. */
export function stopAfterEach(): void {
  afterEach(async () => {
    await Promise.all([...agents.splice(0).map((agent) => agent.destroy()), ...started.splice(0).map((f) => f.stop())]);
  });
}

/** A platform that is stopped after the test. */
export async function kept(starting: Promise<FakePlatform>): Promise<FakePlatform> {
  const platform = await starting;
  started.push(platform);
  return platform;
}

export interface Sending {
  readonly credentials?: Readonly<Record<string, string>>;
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly message?: Partial<PlatformMessage>;
  readonly call?: Partial<PlatformCall>;
}

/** Sends one message over the connector of the gateway, which may reach loopback here. */
export function sendOnce(sender: PlatformSender, standard: Required<Pick<Sending, 'credentials' | 'settings'>>) {
  return ({ credentials, settings, message, call }: Sending = {}) => {
    const policy = createEgressPolicy({ kind: 'delivery', allow: ['127.0.0.0/8'], privateNetworks: false });
    const dispatcher = new Agent({ connect: guardedConnector(policy, 1_000) });
    agents.push(dispatcher);
    const account: PlatformAccount = {
      account: 'ops/bot',
      credentials: credentials ?? standard.credentials,
      settings: settings ?? standard.settings,
    };
    return sender.send(
      account,
      { id: 'dlv_1', chatId: '100', threadId: '', text: 'hello', ...message },
      {
        dispatcher,
        signal: new AbortController().signal,
        now: Date.UTC(2026, 0, 1),
        answerWithinMs: 300,
        ...call,
      },
    );
  };
}
