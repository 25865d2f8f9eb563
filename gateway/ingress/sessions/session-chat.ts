import type { FastifyInstance } from 'fastify';
import { TalariaError } from '../../../core/lib/errors.ts';
import { answerChat, type ChatCompletionsOptions } from '../chat-completions/chat-completions.ts';
import { admitBy } from '../request.ts';
import { readTurnHeaders } from '../turn-query.ts';
import { sessionIdOf } from './session-body.ts';
import type { OfSession } from './sessions.ts';

/**
 * `POST /v1/sessions/{id}/chat`: a chat completion whose session is that of the path, and so whose agent is that session's
 * own, whatever headers, model and Routes say.
 */
export function addSessionChat(app: FastifyInstance, options: ChatCompletionsOptions): void {
  app.post<OfSession>('/v1/sessions/:id/chat', { onRequest: admitBy(options) }, (request, reply) => {
    const { id } = request.params;
    sessionIdOf(request.params);
    const headers = readTurnHeaders(request);
    if (headers.sessionId !== '' && headers.sessionId !== id) throw twoSessions();
    return answerChat(options, request, reply, { ...headers, sessionId: id });
  });
}

function twoSessions(): TalariaError {
  return new TalariaError(
    'invalid_header',
    'Header x-talaria-session-id names another session than the path. Leave the header out.',
    { param: 'x-talaria-session-id' },
  );
}
