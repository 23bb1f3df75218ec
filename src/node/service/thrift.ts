/**
 * Room for new objects, MiB: V8 would take 32 in a burst of work and keep them. With 4 a first sync of 150 MB costs a node as
 * much CPU, within what can be measured.
 */
export const NODE_FLAGS: readonly string[] = ['--max-semi-space-size=4'];

/**
 * For glibc, which would keep the memory of files and objects for the next ones, about 100 MB that an idle node does not
 * need: few arenas, and what is larger than 32 KiB goes back to the system at once.
 * Of what is smaller, a node that carried 151 MB keeps some 20 MB between what it uses (with 64 KiB 50) until it is idle
 * (../trim-malloc.ts); with 16 KiB hardly less, at the cost of more calls to the system.
 */
export const GLIBC_VARIABLES: Readonly<Record<string, string>> = { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '32768' };
