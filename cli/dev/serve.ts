import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { systemClock } from '../../core/lib/clock.ts';
import { onShutdown } from '../../core/lib/shutdown.ts';
import { parseGatewayConfig } from '../../gateway/config/config-file.ts';
import { describeReport } from '../../gateway/config/job-report.ts';
import { createGateway } from '../../gateway/gateway.ts';
import { announceAddress, findRunningDev, type RunningDev, stateRoot } from './address-file.ts';
import { createConsoleLog } from './console-log.ts';
import { createDirectorySource, type Reading, RefusedFolder } from './directory-source.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded-postgres.ts';
import { objectUid } from './identity.ts';
import { formatProblems, formatSummary } from './summary.ts';

/** What a person says of a `talaria dev`. */
export interface DevOptions {
  readonly port: number;
  readonly databaseUrl?: string;
  readonly state?: string;
  readonly logLevel: string;
}

/** Operator and gateway in this process, with a folder in the place of the API server. Ends this process where that cannot be. */
export async function serve(folder: string, options: DevOptions): Promise<void> {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) fail(`${folder} is not a folder`);
  const stateFolder = options.state ?? path.join(stateRoot, folderName(folder));
  const other = await findRunningDev(stateFolder);
  if (other !== undefined) fail(`${stateFolder} is in use: ${servedAlready(other)}`);
  if (options.databaseUrl !== undefined && !isPostgresUrl(options.databaseUrl)) {
    fail(`--database-url is no address of a PostgreSQL; write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE`);
  }
  const log = createConsoleLog(options.logLevel, (line) => process.stdout.write(line));
  const database = options.databaseUrl === undefined ? await ownDatabase(stateFolder) : undefined;
  const databaseUrl = options.databaseUrl ?? database?.url() ?? '';
  const gateway = createGateway({
    source: createDirectorySource({ folder, stateFolder, clock: systemClock, log, onReading: printReading }),
    jobStatus: {
      writeJobStatus: async () => undefined,
      report: async ({ name }, report) => log.warn({ cronJob: name }, describeReport(report)),
    },
    agentStatus: {
      writeAgentStatus: async ({ name }, { accounts }) => {
        for (const { name: account, ready, message } of accounts) {
          if (ready) log.debug({ agent: name, account }, 'the account is ready');
          else log.warn({ agent: name, account }, `the account is not ready: ${message}`);
        }
      },
    },
    databaseUrl,
    databaseDirectUrl: databaseUrl,
    namespaceUid: objectUid({ kind: 'Namespace', namespace: '', name: path.resolve(stateFolder) }),
    config: parseGatewayConfig(loopbackAllowed, 'the configuration of standalone mode'),
    listen: { host: '127.0.0.1', port: options.port },
    standalone: true,
    replica: 'dev',
    homesDir: path.join(stateFolder, 'homes'),
    log,
    clock: systemClock,
  });
  let withdraw: () => Promise<void> = async () => undefined;
  const stop = async () => {
    await withdraw();
    await gateway.stop();
    await database?.stop();
  };
  onShutdown(stop, stopBudgetMs);
  try {
    const { address } = await gateway.start();
    withdraw = await announceAddress(stateFolder, address);
    process.stdout.write(welcome(address));
  } catch (error) {
    await stop();
    fail(describe(error, options.port));
  }
}

function servedAlready({ address, pid }: RunningDev): string {
  return `the process ${pid} serves from there at ${address}. Stop it, or give this one a folder of its own with --state`;
}

/** The text itself is not told: it may hold a password. */
function isPostgresUrl(text: string): boolean {
  return ['postgres:', 'postgresql:'].includes(URL.parse(text)?.protocol ?? '');
}

const stopBudgetMs = 30_000;

/** Webhook targets and model servers of a trial are on the same machine. */
const loopbackAllowed = `
egress:
  delivery: { allow: [127.0.0.0/8, "::1/128", localhost] }
  models: { allow: [127.0.0.0/8, "::1/128", localhost] }
  tools: { allow: [127.0.0.0/8, "::1/128", localhost] }
`;

async function ownDatabase(stateFolder: string): Promise<EmbeddedPostgres> {
  process.stdout.write('Starting PostgreSQL …\n');
  try {
    return await startEmbeddedPostgres({ directory: path.join(stateFolder, 'postgres'), durable: true });
  } catch (error) {
    return fail(`${messageOf(error)}\nGive --database-url to use another PostgreSQL.`);
  }
}

function printReading(reading: Reading): void {
  if (reading.type === 'refused') {
    const consequence = reading.servesOn ? 'The last good revision stays in force.\n' : '';
    process.stdout.write(`\n${formatProblems(reading.problems)}${consequence}`);
    return;
  }
  const title = reading.changed ? `revision ${reading.revision.slice(0, 12)}` : 'nothing that is served changed';
  process.stdout.write(`\n${new Date().toTimeString().slice(0, 8)} ${title}\n\n${formatSummary(reading.report)}\n`);
}

function welcome(address: string): string {
  const post = (path: string, ...rest: readonly string[]) =>
    [`  curl -i ${address}${path}`, "-H 'Content-Type: application/json'", ...rest].join(' \\\n    ');
  const question = (model: string) => `-d '{"model": "${model}", "messages": [{"role": "user", "content": "Hello"}]}'`;
  return [
    `Listening on ${address}. No key is needed on this machine. Try:`,
    post('/v1/chat/completions', "-H 'X-Talaria-Chat-Id: engineering'", question('talaria')),
    `  curl ${address}/v1/models`,
    post('/admin/v1/explain', `-d '{"chatId": "engineering"}'`),
    'Edit the manifests to see routing change; Ctrl-C stops.\n',
  ].join('\n\n');
}

/** `examples/quickstart` -> `examples-quickstart`: each folder has a state of its own. */
function folderName(folder: string): string {
  return path
    .relative('.', path.resolve(folder))
    .split(path.sep)
    .join('-')
    .replace(/^[.-]*$/, 'here');
}

function describe(error: unknown, port: number): string {
  if (error instanceof RefusedFolder) return error.message;
  const inUse = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
  return inUse ? `port ${port} is in use; give another with --port, or --port 0 for any free one` : messageOf(error);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function fail(message: string): never {
  process.stderr.write(`talaria dev: ${message}\n`);
  process.exit(1);
}
