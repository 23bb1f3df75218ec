export type RefusalStatus = 400 | 401 | 403 | 404 | 413 | 503;

/** Ends a request with this status and `{"error": message}`, in the words that clients know. Holds no secret. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: RefusalStatus;
  constructor(status: RefusalStatus, message: string) {
    super(message);
    this.status = status;
  }
}
