import { z } from 'zod';
import type { Deployment } from '../../core/kube/resources.ts';
import type { DeepReadonly } from '../../core/snapshot/schema.ts';

/**
 * What the operator remembers of the volumes in the gateways' pod template, in an annotation of the Deployment: it is
 * written together with the template, and a later operator finds it.
 */
export type VolumeMemory = DeepReadonly<z.infer<typeof memorySchema>>;

/** On the Deployment of the gateways. */
export const memoryAnnotation = 'talaria.dev/agent-volumes';

const memorySchema = z.object({
  /** Claim names by agent, as they were last applied. */
  mounts: z.record(z.string(), z.string()),
  /** The agents whose volumes that added. */
  added: z.array(z.string()),
  /** When it was, in Unix milliseconds. */
  changedAt: z.number(),
  /** How many rollouts in a row were undone; absent: the last one that added volumes was not. */
  undone: z.number().optional(),
  /** By agent: volumes that were taken out because gateways did not start. */
  setAside: z.record(
    z.string(),
    z.object({
      /** See `trialKey`: another one, and the volume is tried again. */
      trial: z.string(),
      /** Another volume may have been at fault: it is added again by itself. */
      alone: z.boolean(),
    }),
  ),
});

/** undefined when there is none, or somebody has damaged it. */
export function readMemory({ metadata }: Deployment): VolumeMemory | undefined {
  const text = metadata.annotations?.[memoryAnnotation];
  if (text === undefined) return undefined;
  try {
    return memorySchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
