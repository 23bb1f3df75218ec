/** Cryptographic randomness; seeded in the simulation, so that a failing seed replays exactly. */
export interface Random {
  bytes(length: number): Uint8Array;
}
