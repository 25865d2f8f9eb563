import type { AgentVolume } from '../resources.ts';
import { disabledStates, keptStates } from './states.ts';
import { type AgentVolumes, type AgentVolumesOptions, createAgentVolumes } from './volumes.ts';
import { volumeWishes } from './wishes.ts';

export type AgentVolumesSettings = Pick<AgentVolumesOptions, 'standstillMs' | 'betweenRolloutsMs'>;

/** The volumes of Agents. Where the chart allows none, there are no settings, and every Agent that asks for one is told. */
export function createVolumes(
  settings: AgentVolumesSettings | undefined,
  options: Omit<AgentVolumesOptions, keyof AgentVolumesSettings>,
): AgentVolumes {
  return settings === undefined ? noVolumes() : createAgentVolumes({ ...options, ...settings });
}

function noVolumes(): AgentVolumes {
  let states: readonly AgentVolume[] = [];
  return {
    startWatching: () => undefined,
    lead: () => undefined,
    stop: async () => undefined,
    synced: () => true,
    whenSynced: async () => undefined,
    states: (agents, published) => {
      states = keptStates(disabledStates(volumeWishes(agents, published)), states);
      return states;
    },
    act: () => undefined,
  };
}
