/**
 * Wraps small secrets for one recipient: age (X25519) in the product, a deterministic double in the simulation.
 */
export interface KeyWrapping {
  /** A new identity: `identity` is secret, `recipient` is its public half. */
  generate(): Promise<{ readonly identity: string; readonly recipient: string }>;
  /** The identity that 32 secret bytes stand for: the same from the same bytes, everywhere. Throws for another length. */
  fromSeed(seed: Uint8Array): Promise<{ readonly identity: string; readonly recipient: string }>;
  /** True where `recipient` is well formed. */
  isRecipient(recipient: string): boolean;
  wrap(plain: Uint8Array, recipient: string): Promise<Uint8Array>;
  /** `null` when the envelope is not for this identity, or damaged. */
  unwrap(envelope: Uint8Array, identity: string): Promise<Uint8Array | null>;
}
