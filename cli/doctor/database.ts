import { type Finding, findings } from './finding.ts';
import { lastWords } from './last-words.ts';
import { type Reading, valueIn } from './reading.ts';

/** What `/readyz` of a gateway says. */
export interface Readiness {
  readonly status: string;
  readonly state: 'available' | 'unavailable';
}

export interface DatabaseFacts {
  /** Of one gateway. */
  readonly readiness: Reading<Readiness>;
  /** What gateways logged lately, where it could be read. */
  readonly logs: readonly string[];
}

/** Whether gateways can use their database, and what it says when they cannot. */
export function judgeDatabase({ readiness, logs }: DatabaseFacts): readonly Finding[] {
  const { ok, fail } = findings('database');
  const state = valueIn(readiness)?.state;
  if (state === 'available') return [ok('the gateway uses it')];
  const words = logs.map(databaseWords).find((found) => found !== '');
  if (state === undefined && words === undefined) return [];
  if (words === undefined)
    return [fail('The gateway cannot use it.', 'The log of a gateway says why: look for "database".')];
  return [fail(`The gateway cannot use it: ${words}`, cureOf(words))];
}

/** The last complaint about the database, unless it was used after that. */
function databaseWords(log: string): string {
  const lines = log.split('\n').filter((line) => line.includes('database'));
  const recovered = lines.findLastIndex((line) => line.includes('"the database can be used"'));
  return lastWords(lines.slice(recovered + 1).join('\n'));
}

function cureOf(words: string): string {
  return (
    cures.find(({ says }) => says.test(words))?.cure ??
    'See that it runs and that DATABASE_URL in its Secret leads to it.'
  );
}

const cures: readonly { readonly says: RegExp; readonly cure: string }[] = [
  { says: /belongs to another namespace/, cure: 'Give this namespace a database of its own, as the message says.' },
  {
    says: /password authentication failed|no pg_hba/i,
    cure: 'Correct user and password in the Secret of the database.',
  },
  { says: /database "[^"]*" does not exist/, cure: 'Create that database, or correct its name in the Secret.' },
  {
    says: /ENOTFOUND|EAI_AGAIN|ECONNREFUSED/,
    cure: 'See that it runs and that the host and port in its Secret are right.',
  },
  { says: /certificate has expired/i, cure: 'Renew the certificate of the database server.' },
  {
    says: /self.signed|unable to (verify|get)/i,
    cure: 'Name the authority of its certificate in the URL: sslrootcert.',
  },
  {
    says: /No space left|could not extend file|disk full/i,
    cure: 'Its volume is full: make it larger, or free room, then see the retention of sessions and runs.',
  },
  {
    says: /too many (clients|connections)|connection slots/i,
    cure: 'Raise max_connections, or put a pooler in front of it.',
  },
  { says: /read-only transaction/i, cure: 'The URL leads to a standby: let it lead to the primary.' },
  { says: /permission denied/i, cure: 'Let the user of the URL create tables in its schema.' },
  {
    says: /ETIMEDOUT|timeout|no answer/i,
    cure: 'See whether a network policy or firewall stands between gateway and database.',
  },
];
