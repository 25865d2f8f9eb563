/** A gateway replica says in a Lease of this name what it serves. */
export function acknowledgementLeaseName(podName: string): string {
  return `${acknowledgementLeasePrefix}${podName}`;
}

export const acknowledgementLeasePrefix = 'talaria-gateway-';

/** A replica whose Lease was not renewed for this long is not live. */
export const acknowledgementDurationSeconds = 40;

/** Annotations of the Lease: the sequence (decimal) and revision of the snapshot that the replica serves. */
export const sequenceAnnotation = 'talaria.dev/sequence';
export const revisionAnnotation = 'talaria.dev/revision';
