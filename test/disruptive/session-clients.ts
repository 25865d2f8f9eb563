import { setTimeout as delay } from 'node:timers/promises';

/** What one client was told in the end about its question. */
export interface Told {
  readonly question: string;
  /** The answer's text. */
  readonly answer?: string;
  /** The code of the error that it ended with. */
  readonly code?: string;
  /** How often the connection broke before an answer came, and how often it was told to come again. */
  readonly broken: number;
  readonly busy: number;
}

export interface AskingOptions {
  readonly urls: () => readonly string[];
  readonly key: string;
  readonly model: string;
  readonly session: string;
  /** Codes after which the same request is sent again. */
  readonly sendAgainOn: readonly string[];
}

/**
 * Asks one question in the session, on the replicas by turns, with an Idempotency-Key of its own: a broken connection is
 * followed by the same request to another replica, which must not run it twice. Rejects when nothing came in two minutes.
 */
export async function askOnce(options: AskingOptions, number: number): Promise<Told> {
  const question = `question ${number}`;
  const patience = AbortSignal.timeout(120_000);
  let broken = 0;
  let busy = 0;
  for (let at = number; ; at += 1) {
    patience.throwIfAborted();
    const { answer, code } = await send(options, question, at).catch(() => ({ answer: undefined, code: 'broken' }));
    if (answer !== undefined) return { question, answer, broken, busy };
    if (code === 'broken') broken += 1;
    else if (options.sendAgainOn.includes(code)) busy += 1;
    else return { question, code, broken, busy };
    await delay(100 + Math.random() * 300, undefined, { signal: patience });
  }
}

async function send({ urls, key, model, session }: AskingOptions, question: string, at: number) {
  const replicas = urls();
  const response = await fetch(`${replicas[at % replicas.length]}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${key}`,
      'x-talaria-session-id': session,
      'idempotency-key': `${session}-${question.replace(' ', '-')}`,
    },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: question }] }),
    signal: AbortSignal.timeout(60_000),
  });
  const body = (await response.json()) as Answer;
  return { answer: body.choices?.[0]?.message.content, code: body.error?.code ?? `status ${response.status}` };
}

interface Answer {
  readonly choices?: readonly { readonly message: { readonly content: string } }[];
  readonly error?: { readonly code: string };
}
