/** One step of one peer, measured. */
export interface Measurement {
  /** From the command to the content being in the other folder. */
  readonly seconds: number;
  /** User and system time of all processes; null where they cannot be told apart from others. */
  readonly cpuSeconds: number | null;
  /** What would cross the network (or what the shared repository grew by); null where the peer does not say. */
  readonly wireBytes: number | null;
  /** Seconds of the parts, where a peer has several: backup and restore. Their sum is `seconds`. */
  readonly parts?: Readonly<Record<string, number>>;
}

export type Step = 'firstSync' | 'noChange' | 'edit';

/** Two folders: `source` holds the corpus, `target` is empty; `work` is for the peer's own files. All its own, all absolute. */
export interface Place {
  readonly source: string;
  readonly target: string;
  readonly work: string;
}

/** A way of carrying a folder elsewhere. */
export interface Peer {
  readonly name: string;
  /** Its version, or null where it is not installed. */
  available(): Promise<string | null>;
  /** Gets ready without being measured: makes repositories, starts daemons. */
  open(place: Place): Promise<PeerSession>;
}

/**
 * Each step ends when `target` equals `source`, which the harness checks; it is called in the order firstSync,
 * noChange, edit, and the harness changes `source` before `edit`.
 */
export interface PeerSession extends Record<Step, () => Promise<Measurement>> {
  /** Figures of its own, by their names, measured after the steps and once a round. */
  figures?(): Promise<Readonly<Record<string, number>>>;
  close(): Promise<void>;
}
