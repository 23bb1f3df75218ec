import type { Head } from '../core/log/record.ts';

/** What a remote said last of where its log ends, until somebody takes it. */
export class HeardNews {
  #heard: { readonly head: Head | null } | null = null;
  #onNews: (() => void) | null = null;

  /** `null`: something is new, and not where the log ends. What was there before is replaced. */
  hear(head: Head | null): void {
    this.#heard = { head };
    this.wake();
  }

  get isThere(): boolean {
    return this.#heard !== null;
  }

  take(): { readonly head: Head | null } | null {
    const heard = this.#heard;
    this.#heard = null;
    return heard;
  }

  /** Takes it, where it says of a head. */
  takeHead(): Head | null {
    return this.#heard?.head === null ? null : (this.take()?.head ?? null);
  }

  /** Resolves when something is heard, or at {@link wake}. One waits at a time. */
  async next(): Promise<void> {
    await new Promise<void>((resolve) => (this.#onNews = resolve));
    this.#onNews = null;
  }

  /** Whoever waits looks again. */
  wake(): void {
    this.#onNews?.();
  }
}
