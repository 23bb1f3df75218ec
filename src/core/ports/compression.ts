/** `fast` (default) is for bulk; `small` takes about three times as long for 5 % less, where a person waits for the wire. */
export type Effort = 'fast' | 'small';

/**
 * zstd. Its output need not be the same on two machines: nothing that Satchel compares depends on it.
 */
export interface Compression {
  compress(plain: Uint8Array, effort?: Effort): Promise<Uint8Array>;
  /**
   * Expands exactly `length` bytes. Throws when the frame declares another length or is damaged; never allocates
   * more than `length`, whatever the frame says.
   */
  expand(compressed: Uint8Array, length: number): Promise<Uint8Array>;
}
