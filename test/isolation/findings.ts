import type { Prediction } from './predict.ts';

/** What came of one request or run. */
export type Outcome =
  | { readonly kind: 'refused'; readonly code: string }
  | { readonly kind: 'answered'; readonly agent: string; readonly answer: TaggedAnswer };

/** What a model of these tests says: what it found in its instructions, and what it was called with. */
export interface TaggedAnswer {
  readonly tag: string;
  readonly key: string;
  /** The last user message. */
  readonly asked: string;
  /** The agent that is bound for logs and hooks; absent where the model is another process. */
  readonly bound?: string | undefined;
  /** Of the conversation that the model saw. */
  readonly digest?: string | undefined;
}

/** Counts outcomes and keeps the first of those that should not be. */
export interface Findings {
  /** `asked` is the question that was sent. */
  readonly check: (prediction: Prediction, outcome: Outcome, asked: string) => void;
  /** Notes something that is wrong in another way. */
  readonly wrong: (what: string) => void;
  readonly report: () => Report;
}

export interface Report {
  readonly total: number;
  readonly answered: number;
  readonly refused: Readonly<Record<string, number>>;
  /** Refusals that were not predicted, and what else was wrong. */
  readonly unpredicted: number;
  /** Answers that were not by a predicted Agent with its own tag, key and bound name, to the question that was sent. */
  readonly crossings: number;
  /** The first few, in words. */
  readonly examples: readonly string[];
}

/** Findings without any. */
export function createFindings(): Findings {
  const refused: Record<string, number> = {};
  const examples: string[] = [];
  const counts = { total: 0, answered: 0, unpredicted: 0, crossings: 0 };
  const note = (what: string) => {
    if (examples.length < 10) examples.push(what);
  };
  return {
    check: (prediction, outcome, asked) => {
      counts.total += 1;
      if (outcome.kind === 'refused') {
        refused[outcome.code] = (refused[outcome.code] ?? 0) + 1;
        if (prediction.codes.includes(outcome.code)) return;
        counts.unpredicted += 1;
      } else {
        counts.answered += 1;
        if (prediction.agents.some((agent) => isOwn(agent, outcome, asked))) return;
        counts.crossings += 1;
      }
      note(`asked ${JSON.stringify(asked)}, predicted ${JSON.stringify(prediction)}, came ${JSON.stringify(outcome)}`);
    },
    wrong: (what) => {
      counts.unpredicted += 1;
      note(what);
    },
    report: () => ({ ...counts, refused, examples }),
  };
}

function isOwn(agent: Prediction['agents'][number], outcome: Outcome & { kind: 'answered' }, asked: string): boolean {
  const { tag, key, bound = agent.name, ...answer } = outcome.answer;
  const isBy = outcome.agent === agent.name && bound === agent.name;
  return isBy && tag === agent.tag && key === agent.modelKey && answer.asked === asked;
}
