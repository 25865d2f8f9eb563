import type { ConfigurationFields } from '../harness/entries.ts';
import { configuration } from '../harness/entries.ts';
import { createFindings, type Findings, type Report } from './findings.ts';
import { createHttpClient } from './http-client.ts';
import { type At, type Counts, sendOne } from './http-requests.ts';
import { createRandom } from './random.ts';
import { createKnownSessions } from './sessions.ts';
import { changeWorld, createWorld, fieldsOf } from './world.ts';

export interface OverHttpOptions {
  readonly seed: number;
  /** How many requests and runs shall end. */
  readonly count: number;
  readonly replicas: readonly Replica[];
  /** A TaggedModel. */
  readonly modelBaseURL: string;
  readonly say?: (line: string) => void;
}

/** A gateway that serves what it is given. */
export interface Replica {
  readonly url: string;
  readonly serve: (fields: ConfigurationFields) => Promise<unknown>;
}

export interface OverHttpReport extends Report {
  readonly changes: number;
  readonly runs: number;
  /** Turns of a session that had said something before. */
  readonly continued: number;
  /** Requests that named another principal's session or run. */
  readonly hijacks: number;
  /** Requests that were sent again with their Idempotency-Key. */
  readonly repeats: number;
}

/**
 * Random requests to any of the replicas, by batches; while one is under way the world changes, on one replica after the
 * other. What is asked then may end as in the world before or after. A session takes one turn in a batch, so that its
 * history is known: each answer tells which one its model saw.
 */
export async function runOverHttp(options: OverHttpOptions): Promise<OverHttpReport> {
  const stage = await createStage(options);
  try {
    while (stage.findings.report().total < options.count) {
      await stage.batch();
      if (stage.counts.changes % 50 === 0) options.say?.(`${stage.findings.report().total} over HTTP`);
    }
    return { ...stage.findings.report(), ...stage.counts };
  } finally {
    await stage.stop();
  }
}

const batchSize = 60;

interface Stage {
  readonly findings: Findings;
  readonly counts: Counts;
  readonly batch: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

async function createStage({ seed, replicas, modelBaseURL }: OverHttpOptions): Promise<Stage> {
  const changing = createRandom(seed);
  const findings = createFindings();
  const sessions = createKnownSessions();
  const counts = { changes: 0, runs: 0, continued: 0, hijacks: 0, repeats: 0 };
  const clients = replicas.map(({ url }) => createHttpClient(url));
  let world = createWorld(changing);
  let asked = 0;

  const put = async (): Promise<At> => {
    const model = () => ({ provider: 'openai-compatible', name: 'm', baseURL: modelBaseURL }) as const;
    const fields = { ...fieldsOf(world, model), sequence: world.revision };
    for (const replica of replicas) await replica.serve(fields);
    return { world, content: configuration(fields).snapshot.content };
  };
  let now = await put();
  return {
    findings,
    counts,
    batch: async () => {
      const before = now;
      world = changeWorld(changing, world);
      const fields = fieldsOf(world, () => ({ provider: 'openai-compatible', name: 'm' }));
      const after = { world, content: configuration({ ...fields, sequence: world.revision }).snapshot.content };
      const underWay = Array.from({ length: batchSize }, () => {
        asked += 1;
        const random = createRandom(seed + asked * 7_919);
        const anyReplica = () => random.pick(clients);
        const worlds = [before, after];
        return sendOne({ random, findings, counts, sessions, worlds, anyReplica, text: `question ${asked}` });
      });
      now = await put();
      counts.changes += 1;
      await Promise.all(underWay);
      sessions.release();
    },
    stop: async () => {
      await Promise.all(clients.map((client) => client.stop()));
    },
  };
}
