/**
 * What a consent binds: a place (a file's name, a folder unit, or `file#/json/pointer`) and a hash of all that would
 * stand there (bytes and mode; a tree hash for a folder). Another content is another subject.
 */
export interface ConsentSubject {
  readonly path: string;
  readonly hash: string;
}

/** Whether what came from another machine may be put in place here, where it could be executed. */
export interface Consent {
  allows(subject: ConsentSubject): boolean;
  /** Called when an answer came. Returns how to stop. */
  onChange(listener: () => void): () => void;
}
