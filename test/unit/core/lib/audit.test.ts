import { stripVTControlCharacters } from 'node:util';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { createConsoleLog } from '../../../../cli/dev/console-log.ts';
import { audit } from '../../../../core/lib/audit.ts';
import { createLogger } from '../../../../core/lib/log.ts';

it('a record is a line of its own kind, whatever the log level is, and an ordinary line is not', () => {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level: 'fatal' }, { write: (line: string) => lines.push(JSON.parse(line)) });
  audit(log, 'run.ended', { agent: 'clerk', runId: 'run_1' });
  audit(log, 'run.ended', { agent: 'clerk', runId: 'run_2' });
  log.info('an ordinary line');
  expect(lines).toMatchObject([
    { audit: true, msg: 'audit', event: 'run.ended', agent: 'clerk', runId: 'run_1' },
    { audit: true, runId: 'run_2' },
  ]);
});

it('a log that is to say nothing has no records either', () => {
  const silent = createLogger('test', 'silent');
  audit(silent, 'run.ended', { agent: 'clerk' });
  expect(silent.isLevelEnabled('info')).toBe(false);
});

it('a person at a terminal sees the ordinary lines alone', () => {
  const written: string[] = [];
  const log = createConsoleLog('info', (line) => written.push(line));
  audit(log, 'configuration.served', { revision: 'abc', sequence: 1 });
  log.info({ revision: 'abc' }, 'serving');
  expect(stripVTControlCharacters(written.join(''))).toMatch(/^\S+ serving revision=abc\n$/);
});
