import { systemClock } from '../../core/lib/clock.ts';
import { createLogger } from '../../core/lib/log.ts';
import { defaultGatewayConfig, type GatewayConfig } from '../../gateway/config/config-file.ts';
import type { ConfigSource, Configuration } from '../../gateway/config/source.ts';
import { createGateway, type GatewayOptions } from '../../gateway/gateway.ts';
import { type ConfigurationFields, configuration } from './entries.ts';

export interface TestGatewayOptions extends Partial<Omit<GatewayOptions, 'source' | 'config'>> {
  /** Default: a port on which nothing listens. */
  readonly databaseUrl?: string;
  /** What it serves first; absent: nothing. */
  readonly serves?: ConfigurationFields;
  readonly config?: Partial<GatewayConfig>;
}

/** A gateway in this process, on a port of its own, fed by the test. */
export interface TestGateway {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** Puts a configuration in force; rejects when the gateway refuses it. */
  readonly serve: (fields: ConfigurationFields) => Promise<Configuration>;
  readonly stop: () => Promise<void>;
}

/** Nothing listens there: connecting fails at once. */
export const deadDatabaseUrl = 'postgres://nobody@127.0.0.1:1/nothing';

/** Starts one. Model servers on loopback may be reached. */
export async function startTestGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const { serves, config, ...rest } = options;
  const databaseUrl = options.databaseUrl ?? deadDatabaseUrl;
  let apply: (next: Configuration) => Promise<void> = async () => undefined;
  const source: ConfigSource = {
    start: async (handOver) => {
      apply = handOver;
      if (serves) await apply(configuration(serves));
    },
    stop: async () => undefined,
  };
  const gateway = createGateway({
    source,
    jobStatus: { writeJobStatus: async () => undefined, report: async () => undefined },
    agentStatus: { writeAgentStatus: async () => undefined },
    databaseUrl,
    databaseDirectUrl: databaseUrl,
    namespaceUid: 'test',
    config: { ...defaultGatewayConfig, egress: loopbackAllowed, ...config },
    listen: { host: '127.0.0.1', port: 0 },
    standalone: false,
    replica: `replica-${Math.random().toString(36).slice(2)}`,
    log: createLogger('test', process.env.TALARIA_TEST_LOG ?? 'silent'),
    clock: systemClock,
    unreadyMs: 0,
    ...rest,
  });
  const { address } = await gateway.start();
  return {
    url: address,
    serve: async (fields) => {
      const next = configuration(fields);
      await apply(next);
      return next;
    },
    stop: gateway.stop,
  };
}

const allow = ['127.0.0.0/8', '::1'];
const loopbackAllowed = { delivery: { allow }, models: { allow }, tools: { allow } };

/** One request of a test. Keys of `headers` are sent as they are. */
export interface Ask {
  readonly key?: string;
  readonly model?: string;
  readonly content?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object;
  readonly signal?: AbortSignal;
}

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  /** The agent that answered, or null. */
  readonly agent: string | null;
  readonly text: string | undefined;
  /** The error's code, or undefined. */
  readonly code: string | undefined;
  readonly body: AnswerBody;
}

interface AnswerBody {
  readonly error?: {
    readonly code: string;
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
  };
  readonly choices?: readonly { readonly message: { readonly content: string }; readonly finish_reason: string }[];
  readonly usage?: Readonly<Record<string, number>>;
  readonly model?: string;
}

/** Sends one chat completion that is not streamed. */
export async function ask(
  url: string,
  { key, model, content = 'hello', headers, body, signal }: Ask = {},
): Promise<Answered> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...headers,
    },
    body: JSON.stringify({ model, messages: [{ role: 'user', content }], ...body }),
    ...(signal ? { signal } : {}),
  });
  const answer = (await response.json()) as AnswerBody;
  return {
    status: response.status,
    headers: response.headers,
    agent: response.headers.get('x-talaria-agent'),
    text: answer.choices?.[0]?.message.content,
    code: answer.error?.code,
    body: answer,
  };
}
