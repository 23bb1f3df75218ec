import { inject } from 'vitest';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Of the run: `npm test`, or `npm run test:long`. */
    readonly extent: 'short' | 'long';
  }
}

/**
 * How much of what is tested at length or at random a test does: `short` in `npm test`; `long` in `npm run test:long`, which runs
 * every file that asks this beside its own (vitest.long.config.ts). What the short run leaves out is there.
 */
export function extent<T>(short: T, long: T): T {
  return inject('extent') === 'long' ? long : short;
}
