import type { FastifyInstance } from 'fastify';
import { adminPaths } from './openapi/admin.ts';
import { chatPaths } from './openapi/chat.ts';
import { errorSchema } from './openapi/failures.ts';
import { healthPaths } from './openapi/health.ts';
import { modelPaths } from './openapi/models.ts';
import { responsePaths, responseSchema } from './openapi/responses.ts';
import { runPaths, runSchema } from './openapi/runs.ts';
import { toSchema } from './openapi/schema.ts';
import { sessionPaths } from './openapi/sessions.ts';
import { sessionSchema } from './sessions/session-body.ts';

/** `GET /openapi.json`: OpenAPI 3.1, made from the schemas that check the bodies. */
export function addOpenApi(app: FastifyInstance): void {
  const document = openApiDocument();
  app.get('/openapi.json', () => document);
}

/** The document: a file below `openapi/` for each part of the API; bodies come from zod, codes from the error table. */
export function openApiDocument(): object {
  return {
    openapi: '3.1.0',
    info: { title: 'Talaria', version: '1', description: 'The HTTP API of a Talaria gateway.' },
    components: {
      securitySchemes: { key: { type: 'http', scheme: 'bearer' } },
      schemas: {
        Error: errorSchema,
        Response: toSchema(responseSchema),
        Run: toSchema(runSchema),
        Session: toSchema(sessionSchema),
      },
    },
    security: [{ key: [] }],
    paths: {
      ...chatPaths(),
      ...responsePaths(),
      ...runPaths(),
      ...sessionPaths(),
      ...modelPaths(),
      ...adminPaths(),
      ...healthPaths(),
    },
  };
}
