import { deliveryDetailSchema, deliveryListSchema, deliveryObjectSchema } from '../admin/delivery-object.ts';
import { json, operation } from './operation.ts';
import { idInPath, queryOf } from './parameters.ts';
import { type JsonSchema, listOf } from './schema.ts';

/** `/admin/v1/deliveries` and what is below it. */
export function adminDeliveryPaths(): JsonSchema {
  const id = idInPath('The `id` of a delivery, `dlv_...`.');
  const fails = ['admin_required', 'delivery_not_found', 'not_found'] as const;
  return {
    '/admin/v1/deliveries': {
      get: operation('What runs deliver, the newest first.', {
        id: 'listDeliveries',
        parameters: queryOf(deliveryListSchema),
        answers: { 200: json('A page.', listOf(deliveryObjectSchema)) },
        fails: ['admin_required', 'unsupported_field'],
      }),
    },
    '/admin/v1/deliveries/{id}': {
      get: operation('A delivery with its text.', {
        id: 'readDelivery',
        parameters: [id],
        answers: { 200: json('The delivery.', deliveryDetailSchema) },
        fails,
      }),
    },
    '/admin/v1/deliveries/{id}/retry': {
      post: operation('Sends again what was given up, expired or may have arrived; that may then arrive twice.', {
        id: 'retryDelivery',
        parameters: [id],
        answers: { 200: json('The delivery, which is pending.', deliveryDetailSchema) },
        fails: [...fails, 'delivery_settled'],
      }),
    },
    '/admin/v1/deliveries/{id}/discard': {
      post: operation('Gives up what is not sent, for good.', {
        id: 'discardDelivery',
        parameters: [id],
        answers: { 200: json('The delivery, which is not sent any more.', deliveryDetailSchema) },
        fails: [...fails, 'delivery_settled'],
      }),
    },
  };
}
