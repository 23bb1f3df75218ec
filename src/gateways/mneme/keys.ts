import { equalBytes, sha256 } from '../../core/crypto/hash.ts';
import type { TokenBook } from '../../core/token-book.ts';
import { Refusal } from './refusal.ts';

/** What a token opens: these projects, as clients name them, or all. */
export interface Grant {
  readonly projects: readonly string[] | null;
  /** The token whose machine goes on with this one: what it was shown stands under that. Absent: under this one. */
  readonly views?: string;
}

/** Who showed a key: one machine, where each has its own. */
export interface Caller {
  /** Of the key, never the key itself. */
  readonly key: string;
  /** Whose views those of its clients are: the key, or one that was there before it for the same machine. */
  readonly views: string;
  readonly grant: Grant;
}

export interface Keys {
  readonly isRequired: boolean;
  /** Throws {@link Refusal}: 401 without a key, 403 for one that nobody was given. */
  identify(authorization: string | undefined): Promise<Caller>;
}

const ALL: Grant = { projects: null };
const BEARER = /^Bearer (.+)$/;

/**
 * @param written keys that stand in a configuration file, which open all projects: `[]` lets everybody in, and `null` says that none
 * are written there.
 */
export function createKeys(deps: { readonly tokens: TokenBook<Grant>; readonly written: readonly string[] | null }): Keys {
  const { tokens, written } = deps;
  const hashes = (written ?? []).map((key) => sha256(key));
  const isRequired = written === null || written.length > 0;
  return {
    isRequired,
    async identify(authorization) {
      if (!isRequired) return { key: 'anyone', views: 'anyone', grant: ALL };
      const key = BEARER.exec(authorization ?? '')?.[1];
      if (key === undefined) throw new Refusal(401, 'Missing or invalid Authorization header');
      const hash = sha256(key);
      let place = -1;
      for (const [index, each] of hashes.entries()) if (equalBytes(hash, each)) place = index;
      const token = await tokens.find(key);
      if (token !== null) return { key: token.id, views: token.views ?? token.id, grant: { projects: token.projects } };
      // By its hash: its place in the file may change.
      const byHash = `written-${Buffer.from(hash).toString('hex').slice(0, 16)}`;
      if (place >= 0) return { key: byHash, views: byHash, grant: ALL };
      throw new Refusal(403, 'Invalid API key');
    },
  };
}

export function opens(grant: Grant, projectId: string): boolean {
  return grant.projects === null || grant.projects.includes(projectId);
}
