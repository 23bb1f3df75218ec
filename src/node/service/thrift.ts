/**
 * Room for new objects, MiB: V8 would take 32 in a burst of work and keep them. With 4 a first sync of 150 MB costs a node as
 * much CPU, within what can be measured. It has them at once: of 1 MiB, where V8 begins, all that waits for a disk is moved on as if it
 * were to stay. Nor does V8 look for garbage whenever little is done: the node does when nothing is (../idle-memory.ts). Both
 * together are a tenth, about, of what a transcript that grows each second costs.
 */
export const NODE_FLAGS: readonly string[] = ['--max-semi-space-size=4', '--min-semi-space-size=4', '--no-memory-reducer'];

/**
 * For glibc, which would keep the memory of files and objects for the next ones: few arenas, what is larger than 1.5 MiB goes back
 * to the system at once, and so does more than that at the end of a heap. What lies between what is in use goes back when the
 * node is idle (../trim-malloc.ts). With 32 KiB a node that receives 151 MB faults twice as often and takes a tenth more CPU,
 * and idles no smaller. With 1 MiB the 1.3 MiB that zstd needs for the smallest body are mapped, zeroed and unmapped each time,
 * which takes four times as long as the compression.
 */
export const GLIBC_VARIABLES: Readonly<Record<string, string>> = {
  MALLOC_ARENA_MAX: '2',
  MALLOC_MMAP_THRESHOLD_: '1572864',
  MALLOC_TRIM_THRESHOLD_: '1572864',
};
