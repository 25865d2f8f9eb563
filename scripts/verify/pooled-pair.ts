import pg from 'pg';
import type { ConfigurationFields } from '../../test/harness/entries.ts';
import { startTestGateway } from '../../test/harness/gateway.ts';
import type { MockModel } from '../../test/harness/mock-model.ts';
import { jobEntry } from '../../test/servers/schedule/entries.ts';

/** Two gateways on one database. */
export interface PooledPair {
  readonly urls: readonly [string, string];
  /** The rows of a statement, past the pooler. */
  readonly rows: <Row>(text: string) => Promise<readonly Row[]>;
  readonly stop: () => Promise<void>;
}

/** Starts them; the first one makes the schema, over the direct URL. */
export async function startPooledPair(options: {
  readonly url: string;
  readonly directUrl: string;
  readonly mock: MockModel;
}): Promise<PooledPair> {
  const { url, directUrl, mock } = options;
  const serves = served(mock);
  const start = () => startTestGateway({ databaseUrl: url, databaseDirectUrl: directUrl, serves });
  const gateways = [await start(), await start()] as const;
  const pool = new pg.Pool({ connectionString: directUrl, max: 2 });
  pool.on('error', () => undefined);
  return {
    urls: [gateways[0].url, gateways[1].url],
    rows: async <Row>(text: string) => (await pool.query(text)).rows as Row[],
    stop: async () => {
      await Promise.all(gateways.map((gateway) => gateway.stop()));
      await pool.end();
    },
  };
}

function served(mock: MockModel): ConfigurationFields {
  const model = { provider: 'openai-compatible', name: 'm', baseURL: mock.baseURL } as const;
  return {
    agents: [
      { name: 'remote', default: true, model },
      { name: 'hasty', model, sessions: { concurrency: 'Interrupt' } },
      { name: 'bounded', limits: { requestsPerMinute: 10 } },
      { name: 'clerk' },
    ],
    gatewayKeys: [{ name: 'all', key: 'k' }],
    jobs: [jobEntry('greeting')],
    texts: ['good morning'],
  };
}
