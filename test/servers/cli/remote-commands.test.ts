import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { toWire } from '../../../core/lib/id.ts';
import { type DevProcess, startDev } from '../../harness/dev-process.ts';
import { type MockModel, startMockModel } from '../../harness/mock-model.ts';
import { type CommandResult, runTalaria } from '../../harness/talaria-command.ts';
import { temporaryFolder } from '../../harness/temporary-folder.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { storeDelivery } from '../delivery/stored-deliveries.ts';
import { createState, type TestState } from '../schedule/state.ts';

const runId = /run_[0-9a-f]{32}/;

let state: TestState;
let mock: MockModel;
let folder: string;
let dev: DevProcess;
beforeAll(async () => {
  state = await createState();
  // The database becomes that of the process which is about to start.
  await state.rows('delete from installation');
  mock = await startMockModel();
  folder = await temporaryFolder('cli');
  await mkdir(path.join(folder, 'deploy'));
  await writeFile(path.join(folder, 'deploy/all.yaml'), manifests(mock.baseURL));
  const kept = path.join(folder, '.talaria/deploy');
  dev = await startDev([path.join(folder, 'deploy'), '--port', '0', '--state', kept, '--database-url', state.url]);
});
afterAll(async () => {
  await dev?.kill();
  await mock.stop();
  await state.drop();
  await rm(folder, { recursive: true, force: true });
});

function talaria(...args: readonly string[]): Promise<CommandResult> {
  return runTalaria(args, { cwd: folder });
}

/** What a command that must succeed prints. */
async function printed(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await talaria(...args);
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

/** A line for each row of a table; each has the cells that it has. */
function cellsOf(table: string): readonly (readonly string[])[] {
  return table
    .trimEnd()
    .split('\n')
    .map((line) => line.split(/ {3,}/));
}

/** The id of a run of this job that has ended. */
async function endedRunOf(job: string): Promise<string> {
  const id = (await printed('jobs', 'run', job)).trim();
  await waitFor('the run to end', async () => {
    const [row] = await state.rows<{ finished_at: Date | null }>('select finished_at from runs where id = $1', [
      id.replace('run_', ''),
    ]);
    return row?.finished_at;
  });
  return id;
}

describe('talaria jobs', () => {
  it('lists the jobs as a table for people, with more columns when wide', async () => {
    const [header, ...rows] = cellsOf(await printed('jobs', 'list'));
    expect(header).toEqual(['NAME', 'AGENT', 'SCHEDULE', 'TIMEZONE', 'STATE', 'ACTIVE', 'LAST', 'NEXT']);
    expect(rows.map(([name]) => name)).toEqual(['broken', 'crawl', 'yearly']);
    expect(rows[2]?.slice(0, 6)).toEqual(['yearly', 'clerk', '0 0 1 1 *', 'Europe/Rome', 'Scheduled', '0']);
    const [wide] = cellsOf(await printed('jobs', 'list', '-o', 'wide'));
    expect(wide?.slice(8)).toEqual(['POLICY', 'SUCCEEDED', 'FAILURES', 'MISSED', 'LASTMISSED']);
  });

  it('prints the same as JSON and as YAML, whole', async () => {
    const json: unknown = JSON.parse(await printed('jobs', 'list', '--agent', 'clerk', '-o', 'json'));
    expect(json).toMatchObject([{ name: 'yearly', schedule: '0 0 1 1 *', paused: null }]);
    expect(parse(await printed('jobs', 'list', '--agent', 'clerk', '-o', 'yaml'))).toEqual(json);
  });

  it('says on stderr that a list goes on', async () => {
    const { code, stdout, stderr } = await talaria('jobs', 'list', '--limit', '1');
    expect(cellsOf(stdout)).toHaveLength(2);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: 'There are more: raise --limit, or list all with --limit 0.\n',
    });
    expect(cellsOf(await printed('jobs', 'list', '--limit', '0'))).toHaveLength(4);
  });

  it('runs a job and shows what became of it', async () => {
    const id = await endedRunOf('yearly');
    const shown = await printed('jobs', 'show', 'yearly');
    expect(shown).toMatch(/^Name: +yearly\n/);
    expect(shown).toMatch(/^Next slot: +\d{4}-12-31T23:00:00Z$/m);
    expect(shown).toMatch(new RegExp(`completed +${id} +sent`));
    expect(shown).not.toContain('Uid:');
    expect(await printed('jobs', 'show', 'yearly', '-o', 'wide')).toContain('Uid:');
    const json = JSON.parse(await printed('jobs', 'show', 'yearly', '-o', 'json')) as { recent: object[] };
    expect(json.recent[0]).toMatchObject({ run_id: id, run_status: 'completed' });
    expect(JSON.parse(await printed('jobs', 'run', 'yearly', '-o', 'json'))).toEqual({
      run_id: expect.stringMatching(runId),
    });
  });

  it('pauses and resumes a job', async () => {
    const paused = cellsOf(await printed('jobs', 'pause', 'yearly'))[1];
    expect(paused?.[4]).toBe('Manual');
    expect(parse(await printed('jobs', 'show', 'yearly', '-o', 'yaml'))).toMatchObject({ paused: 'Manual' });
    expect(cellsOf(await printed('jobs', 'resume', 'yearly'))[1]?.[4]).toBe('Scheduled');
  });

  it('says what is wrong in one line with the cure, and in the exit code', async () => {
    const missing = await talaria('jobs', 'show', 'nothing');
    expect(missing).toEqual({
      code: 1,
      stdout: '',
      stderr: 'talaria jobs show: No such CronJob. "talaria jobs list" lists those that are. (job_not_found)\n',
    });
    const usage = await talaria('jobs', 'show');
    expect(usage).toMatchObject({ code: 2, stdout: '' });
    expect(usage.stderr).toContain("missing required argument 'name'");
    expect((await talaria('jobs', 'list', '-o', 'xml')).code).toBe(2);
    expect((await talaria('jobs', 'list', '--limit', 'x')).code).toBe(2);
    const away = await talaria('jobs', 'list', '--gateway', 'http://127.0.0.1:1');
    expect(away).toMatchObject({ code: 3, stdout: '' });
    expect(away.stderr).toMatch(/^talaria jobs list: no gateway answers at http:\/\/127\.0\.0\.1:1: .*--gateway.*\n$/);
  });
});

describe('talaria runs', () => {
  it('lists runs, the newest first, filtered', async () => {
    const id = await endedRunOf('yearly');
    const [header, newest] = cellsOf(await printed('runs', 'list', '--job', 'yearly', '--status', 'completed'));
    expect(header).toEqual(['RUN', 'STATUS', 'TRIGGER', 'AGENT', 'JOB', 'AGE', 'TOOK']);
    expect(newest?.slice(0, 5)).toEqual([id, 'completed', 'cron', 'clerk', 'yearly']);
    const [wide] = cellsOf(await printed('runs', 'list', '-o', 'wide'));
    expect(wide?.slice(7)).toEqual(['SLOT', 'ATTEMPT', 'MODEL', 'TOKENS', 'PRINCIPAL', 'ERROR']);
    expect(cellsOf(await printed('runs', 'list', '--trigger', 'chat'))).toHaveLength(1);
    const json = JSON.parse(await printed('runs', 'list', '--limit', '1', '-o', 'json')) as object[];
    expect(json).toMatchObject([{ object: 'run', id: expect.stringMatching(runId) }]);
    expect((await talaria('runs', 'list', '--status', 'lost')).code).toBe(2);
  });

  it('shows a run with what was asked and answered, without what a terminal would obey', async () => {
    const id = await endedRunOf('yearly');
    const shown = await printed('runs', 'show', id);
    expect(shown).toMatch(/^Status: +completed$/m);
    expect(shown).toContain('\nAsked:\n  Happy �[31mnew year.\n\nAnswered:\n  Happy �[31mnew year.\n');
    expect(parse(await printed('runs', 'show', id, '-o', 'yaml'))).toMatchObject({ id, job: 'yearly' });
    const unknown = await talaria('runs', 'show', 'run_1');
    expect(unknown).toMatchObject({ code: 1, stdout: '' });
    expect(unknown.stderr).toContain('"talaria runs list" lists those that are. (run_not_found)');
  });

  it('prints what a run of the API said and did, and follows one to its end', async () => {
    let answer = () => {};
    const after = new Promise<void>((resolve) => {
      answer = resolve;
    });
    mock.next({ kind: 'answer', text: 'One.\nTwo.', after });
    const made = await fetch(`${dev.address}/v1/runs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'talaria/slow', input: 'Count.' }),
    });
    const { id } = (await made.json()) as { id: string };
    await waitFor('the run to be at work', () =>
      mock.requests.some(({ body }) => JSON.stringify(body).includes('Count.')),
    );
    const soFar = await talaria('runs', 'logs', id);
    expect(soFar).toEqual({ code: 0, stdout: '[run.started] attempt 1\n', stderr: `${id} is running\n` });
    const following = talaria('runs', 'logs', '-f', id);
    answer();
    expect(await following).toEqual({
      code: 0,
      stdout: '[run.started] attempt 1\nOne.\nTwo.\n',
      stderr: `${id} is completed\n`,
    });
    const lines = (await printed('runs', 'logs', id, '-o', 'json')).trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { type: string }).type)).toEqual(
      expect.arrayContaining(['run.started', 'message.completed', 'run.completed']),
    );
  });

  it('prints of a run of a CronJob what it gave, or its attempts and its error', async () => {
    const id = await endedRunOf('yearly');
    expect(await talaria('runs', 'logs', id)).toEqual({
      code: 0,
      stdout: 'Happy �[31mnew year.\n',
      stderr: `${id} is completed, attempt 1 of 1\n`,
    });
    const failed = await endedRunOf('broken');
    const { code, stdout, stderr } = await talaria('runs', 'logs', '-f', failed);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toMatch(new RegExp(`^${failed} is failed, attempt 1 of 1: \\w+: .+\n$`));
  });

  it('stops a run', async () => {
    mock.next({ kind: 'hang' });
    const id = (await printed('jobs', 'run', 'crawl')).trim();
    await waitFor('the run to be at work', async () =>
      (await printed('runs', 'list', '--status', 'running')).includes(id),
    );
    expect(cellsOf(await printed('runs', 'stop', id))[1]?.slice(0, 2)).toEqual([id, 'stopping']);
    const { stderr } = await talaria('runs', 'logs', '-f', id);
    expect(stderr).toContain(`${id} is cancelled, attempt 1 of 1: run_interrupted`);
    const again = JSON.parse(await printed('runs', 'stop', id, '-o', 'json')) as object;
    expect(again).toMatchObject({ id, status: 'cancelled' });
  });
});

describe('talaria deliveries', () => {
  it('lists deliveries, filtered, in every format', async () => {
    const id = toWire('dlv', await storeDelivery(state, { status: 'dead', kind: 'webhook', destination: { url } }));
    const [header, ...rows] = cellsOf(await printed('deliveries', 'list', '--status', 'dead'));
    expect(header).toEqual(['DELIVERY', 'STATUS', 'AGENT', 'JOB', 'TARGET', 'TO', 'ATTEMPTS', 'AGE']);
    expect(rows.find(([one]) => one === id)?.slice(0, 3)).toEqual([id, 'dead', 'clerk']);
    const [wide] = cellsOf(await printed('deliveries', 'list', '-o', 'wide'));
    expect(wide?.slice(8)).toEqual(['PART', 'NEXT', 'RUN', 'ERROR']);
    const json = JSON.parse(await printed('deliveries', 'list', '--status', 'dead', '-o', 'json')) as object[];
    expect(json).toMatchObject([{ id, destination: { kind: 'webhook', url } }]);
    expect(parse(await printed('deliveries', 'list', '--status', 'dead', '-o', 'yaml'))).toEqual(json);
  });

  it('shows one with its text', async () => {
    const id = toWire('dlv', await storeDelivery(state, { status: 'ambiguous', text: 'Two\nlines.' }));
    const shown = await printed('deliveries', 'show', id);
    expect(shown).toMatch(/^Status: +ambiguous$/m);
    expect(shown).toContain('\nText:\n  Two\n  lines.\n');
  });

  it('sends one again, discards one, and refuses both for one that is sent', async () => {
    const [again, never, sent] = await Promise.all(
      ['dead', 'dead', 'sent'].map(async (status) => toWire('dlv', await storeDelivery(state, { status }))),
    );
    expect(cellsOf(await printed('deliveries', 'retry', again ?? ''))[1]?.[0]).toBe(again);
    expect(cellsOf(await printed('deliveries', 'discard', never ?? ''))[1]?.slice(0, 2)).toEqual([never, 'suppressed']);
    expect(await talaria('deliveries', 'retry', sent ?? '')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'talaria deliveries retry: A delivery that is sent cannot be sent again. (delivery_settled)\n',
    });
  });
});

describe('which gateway is meant', () => {
  it('is the one of TALARIA_GATEWAY where no option says more, and a talaria dev of another folder is not found', async () => {
    const elsewhere = path.join(folder, 'elsewhere');
    await mkdir(elsewhere);
    const none = await runTalaria(['jobs', 'list'], { cwd: elsewhere });
    expect(none).toMatchObject({ code: 3, stdout: '' });
    expect(none.stderr).toContain('No gateway is known');
    const env = { TALARIA_GATEWAY: dev.address };
    expect((await runTalaria(['jobs', 'list'], { cwd: elsewhere, env })).stdout).toContain('yearly');
    const cluster = await runTalaria(['jobs', 'list', '-n', 'default'], { cwd: elsewhere, env });
    expect(cluster).toMatchObject({ code: 3, stdout: '' });
    expect(cluster.stderr).toContain('There is no kubeconfig');
  });

  it('is asked with the key of --key, of which nothing is printed', async () => {
    const { code, stderr } = await talaria('jobs', 'list', '--key', 'planted-secret');
    expect(code).toBe(0);
    expect(stderr).not.toContain('planted-secret');
  });
});

const url = 'https://hooks.example.com/in';

function manifests(baseURL: string): string {
  const job = (name: string, spec: string) =>
    `{apiVersion: talaria.dev/v1alpha1, kind: CronJob, metadata: {name: ${name}}, spec: {schedule: "0 0 1 1 *", ${spec}}}`;
  const agent = (name: string, spec: string) =>
    `{apiVersion: talaria.dev/v1alpha1, kind: Agent, metadata: {name: ${name}}, spec: {${spec}}}`;
  return [
    agent('clerk', 'default: true, model: {provider: echo, name: echo}'),
    agent('slow', `model: {provider: openai-compatible, name: m, baseURL: "${baseURL}"}`),
    agent('lost', 'model: {provider: openai-compatible, name: m, baseURL: "http://127.0.0.1:1/v1", maxRetries: 0}'),
    job('broken', 'agentRef: {name: lost}, prompt: {inline: Hello.}'),
    job('crawl', 'agentRef: {name: slow}, prompt: {inline: Crawl.}'),
    job(
      'yearly',
      'timeZone: Europe/Rome, agentRef: {name: clerk}, prompt: {inline: "Happy \\u001b[31mnew year."}, deliver: [{name: console, log: true}]',
    ),
  ].join('\n---\n');
}
