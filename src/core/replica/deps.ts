import type { SigningKey } from '../crypto/signing.ts';
import type { KindRegistry } from '../merge/kind.ts';
import type { Clock } from '../ports/clock.ts';
import type { Compression } from '../ports/compression.ts';
import type { KeyWrapping } from '../ports/key-wrapping.ts';
import type { ObjectStore } from '../ports/objects.ts';
import type { Random } from '../ports/random.ts';
import type { Sealing } from '../ports/sealing.ts';
import type { Store } from '../ports/store.ts';

/** What a machine acts with: its signing key and its wrapping identity. Both are secret. */
export interface MachineIdentity {
  readonly key: SigningKey;
  /** Secret half; envelopes for this machine open with it. */
  readonly identity: string;
  readonly recipient: string;
  readonly name: string;
}

export interface ReplicaDeps {
  readonly store: Store;
  readonly objects: ObjectStore;
  readonly kinds: KindRegistry;
  readonly compression: Compression;
  /** Seals large bodies; here and now where it is left out. */
  readonly sealing?: Sealing;
  readonly random: Random;
  readonly clock: Clock;
  readonly wrapping: KeyWrapping;
  readonly machine: MachineIdentity;
  /** Structured, without anything secret: names of items are secret too. */
  log(event: string, details: { readonly [key: string]: string | number | boolean | null }): void;
}
