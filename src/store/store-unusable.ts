/** The store cannot be opened as it is. Nothing was changed. */
export class StoreUnusable extends Error {
  override readonly name = 'StoreUnusable';
  /** `newer`: by a newer version; `foreign`: not Satchel's; `damaged`: not readable as a database; `busy`: in use; `full`: its disk is; `refused`: it lets us not in, or is none that we can use; `misconfigured`: what this node was told of it, or of what opens it, is wrong. */
  readonly reason: 'newer' | 'foreign' | 'damaged' | 'busy' | 'full' | 'refused' | 'misconfigured';
  /** What a person can do about it, where the message does not say it. */
  readonly remedy: string | undefined;
  constructor(reason: StoreUnusable['reason'], message: string, cause?: unknown, remedy?: string) {
    super(message, cause === undefined ? undefined : { cause });
    this.reason = reason;
    this.remedy = remedy;
  }
}

/** It asks for a password, and none was given: nothing is known of it. */
export class PasswordMissing extends StoreUnusable {
  constructor(message: string, cause: unknown) {
    super('refused', message, cause);
  }
}
