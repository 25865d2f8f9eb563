export interface OperatorState {
  /** The copies of all resources are complete. */
  readonly synced: boolean;
  /** This operator may write: it holds the lease and knows it. */
  readonly leading: boolean;
  /** This operator's name in the lease. */
  readonly identity: string;
  /** Who holds the lease, as the watch saw it; '' when nobody does. */
  readonly leader: string;
  /** The world has a snapshot that this operator published or confirmed. */
  readonly published: boolean;
}

/** undefined when an operator in this state is ready, else what is missing. A standby is ready while another one leads. */
export function missingForReadiness({
  synced,
  leading,
  identity,
  leader,
  published,
}: OperatorState): string | undefined {
  if (!synced) return 'the namespace is not read yet: the API server does not answer, or the CRDs are missing';
  if (!leading && leader === '') return 'no operator leads yet';
  // The watch may tell of the own election before the election itself does.
  const standby = !leading && leader !== identity;
  return standby || published ? undefined : 'the first snapshot is not published yet';
}
