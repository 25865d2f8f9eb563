import { createLeaderElection, type LeaderElectionOptions } from '../core/kube/leader.ts';
import { leases } from '../core/kube/resources.ts';

/** Who may write in the namespace: the holder of the Lease `talaria-operator`. */
export interface Leadership {
  readonly start: () => void;
  readonly stop: () => Promise<void>;
  readonly leading: () => boolean;
  readonly identity: string;
  /** Throws when this process does not lead. Ask before every write. */
  readonly demand: () => void;
  /** Asks the API server who leads. Rejects when it is somebody else; the process must then exit, as `onLost` says. */
  readonly confirm: () => Promise<void>;
}

export const leaseName = 'talaria-operator';

export function createLeadership(options: Omit<LeaderElectionOptions, 'leaseName'>): Leadership {
  const election = createLeaderElection({ ...options, leaseName });
  const refuse = (): never => {
    throw new Error('this operator does not hold the lease talaria-operator, so it writes nothing');
  };
  return {
    start: election.start,
    stop: election.stop,
    leading: election.isLeader,
    identity: election.identity,
    demand: () => {
      if (!election.isLeader()) refuse();
    },
    confirm: async () => {
      const lease = await options.client.get(leases, leaseName);
      if (lease?.spec?.holderIdentity === election.identity) return;
      options.onLost();
      refuse();
    },
  };
}
