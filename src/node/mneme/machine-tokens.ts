import { sha256Hex } from '../../core/crypto/hash.ts';
import type { Store } from '../../core/ports/store.ts';
import type { TokenBook } from '../../core/token-book.ts';
import type { Grant } from '../../gateways/mneme/keys.ts';

/** The tokens of machines: one that is made anew for the same machine goes on from what that was shown. */
export interface MachineTokens {
  /** `after`: the token in whose place this one comes. Else it comes in the place of the last one of this name that was taken back. */
  add(name: string, projects: Grant['projects'], after?: string): Promise<{ readonly id: string; readonly token: string }>;
  /** False where there is none of that id. */
  remove(id: string): Promise<boolean>;
}

/** By the hash of their names: whose views tokens went by that were taken back. */
const FORMER = 'mneme-former-tokens';

export function createMachineTokens({ store, tokens }: { readonly store: Store; readonly tokens: TokenBook<Grant> }): MachineTokens {
  const idOf = (name: string): string => sha256Hex(name).slice(0, 32);
  const find = async (id: string) => (await tokens.list()).find((token) => token.id === id);

  return {
    async add(name, projects, after) {
      const before = after === undefined ? undefined : await find(after);
      const views =
        before === undefined ? await store.read((tx) => tx.documents.get<string>(FORMER, idOf(name))) : (before.views ?? before.id);
      const added = await tokens.add(name, { projects, ...(typeof views === 'string' ? { views } : {}) });
      // One machine's are no other's: the next of that name is another machine.
      if (before === undefined && typeof views === 'string') await store.write((tx) => tx.documents.remove(FORMER, idOf(name)));
      return added;
    },

    async remove(id) {
      const token = await find(id);
      if (token === undefined) return false;
      const views = token.views ?? token.id;
      // Where another one has its place already, nobody else comes after it.
      const isFollowed = (await tokens.list()).some((other) => other.id !== id && (other.views ?? other.id) === views);
      if (!isFollowed) await store.write((tx) => tx.documents.put(FORMER, idOf(token.name), views));
      return tokens.remove(id);
    },
  };
}
