/**
 * 100,000 outbox rows for a target that fails, answers 429, hangs, and takes messages and dies in the middle of its answer,
 * sent by three replicas of which one is killed with `kill -9` every second, while PostgreSQL is restarted ten times. Then what
 * the target took is held against the rows. Must hold: nothing lost that is not marked `ambiguous`, nothing twice that the
 * target cannot tell by its id, the order of every chat, and each Agent by its own token.
 */
import { parseArgs } from 'node:util';
import { type DeliveryStormReport, runDeliveryStorm } from '../test/disruptive/storm/delivery-storm.ts';
import { startFaultyReceiver } from '../test/disruptive/storm/faulty-receiver.ts';
import { startFaultyTelegram } from '../test/disruptive/storm/faulty-telegram.ts';
import { listCounts, printFacts, shareOf } from './report.ts';

const targets = { webhook: startFaultyReceiver, telegram: startFaultyTelegram } as const;

const help = `npm run bench -- deliveries [options]

  --target NAME     ${Object.keys(targets).join(' or ')} (webhook)
  --deliveries N    (100000)
  --chats N         what they go to, by turns (2000)
  --agents N        whose chats they are, by turns; each has an account of its own at a chat platform (100)
  --kill-every S    one replica is killed in each of these (1)
  --restarts N      restarts of PostgreSQL, within the first four minutes (10)
  --within S        given up after this (1800)
  --seed N          kills and faults; a random one by default, which is printed

Chat platforms are sent to at their own pace. That of Telegram is one message a second in a chat and one at a time through
an account: DELIVERIES / CHATS seconds are the least, and many agents are what makes it fast. What may have arrived there
is not sent again but parked as ambiguous: of what a killed replica was sending, and of what broke off or got no answer.
`;

const { values } = parseArgs({
  options: {
    target: { type: 'string', default: 'webhook' },
    deliveries: { type: 'string', default: '100000' },
    chats: { type: 'string', default: '2000' },
    agents: { type: 'string', default: '100' },
    'kill-every': { type: 'string', default: '1' },
    restarts: { type: 'string', default: '10' },
    within: { type: 'string', default: '1800' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    help: { type: 'boolean', default: false },
  },
});

/** Of 1,000 requests, 30 are failed, 30 are limited, 2 hang, 10 are cut off and 20 are taken by a target that dies. */
const faults = { fails: 0.03, limits: 0.03, hangs: 0.002, dies: 0.02, resets: 0.01 } as const;

async function main(): Promise<void> {
  if (!isTarget(values.target))
    throw new Error(`--target is "${values.target}"; use ${Object.keys(targets).join(' or ')}`);
  process.stdout.write(`seed ${values.seed}\n`);
  const report = await runDeliveryStorm({
    deliveries: Number(values.deliveries),
    chats: Number(values.chats),
    agents: Number(values.agents),
    faults,
    startTarget: targets[values.target],
    replicas: 3,
    killEveryMs: Number(values['kill-every']) * 1_000,
    restarts: Number(values.restarts),
    restartsWithinMs: 240_000,
    withinMs: Number(values.within) * 1_000,
    seed: Number(values.seed),
    say: (line) => process.stderr.write(`${line}\n`),
  });
  print(report);
  if (report.lost + report.twice + report.outOfOrder + report.foreignTokens > 0) process.exitCode = 1;
}

function isTarget(name: string): name is keyof typeof targets {
  return Object.hasOwn(targets, name);
}

function print(report: DeliveryStormReport): void {
  const { deliveries, sentSeconds } = report;
  printFacts([
    ['all sent after', `${sentSeconds.toFixed(0)} s, ${(deliveries / sentSeconds).toFixed(0)} a second`],
    ['seconds in all', report.seconds.toFixed(0)],
    ['kills of a replica', `${report.kills}, and ${report.missedKills} when none was up`],
    ['restarts of PostgreSQL', report.restarts],
    ['deliveries', deliveries],
    ['at the end', listCounts(report.statuses)],
    ['requests at the target', `${report.requests} (${(report.requests / deliveries).toFixed(3)} for each delivery)`],
    ['lost', report.lost],
    ['twice, not told by its id', report.twice],
    ['out of order in their chat', report.outOfOrder],
    ['came again under their id', shareOf(report.repeated, deliveries)],
    ['with the token of another Agent', report.foreignTokens],
    ['ambiguous', `${shareOf(report.ambiguous, deliveries)}, of which the target took ${report.ambiguousTaken}`],
    ...Object.entries(report.ambiguousBecause).map(([why, count]) => [`  ${why}`, count] as const),
  ]);
}

if (values.help) process.stdout.write(help);
else await main();
