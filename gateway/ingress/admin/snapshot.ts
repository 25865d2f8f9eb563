import type { FastifyInstance } from 'fastify';
import { type AdmitOptions, admissionOf, admitBy } from '../request.ts';

/** `GET /admin/v1/snapshot`: what this replica serves, whole. Credentials appear by name only. */
export function addSnapshot(app: FastifyInstance, options: AdmitOptions): void {
  app.get('/admin/v1/snapshot', { onRequest: admitBy(options, 'admin') }, (request) => {
    const { revision, sequence, content } = admissionOf(request).table;
    return { revision, sequence, ...content };
  });
}
