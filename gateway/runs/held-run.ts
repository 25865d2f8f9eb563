/** Who holds a run; fences every write of its worker. Ids are UUIDs. */
export interface HeldRun {
  readonly id: string;
  readonly worker: string;
  readonly attempt: number;
}
