/** Why a replica cannot draft: it holds no key of the current epoch. */
export class KeyMissing extends Error {
  override readonly name = 'KeyMissing';
}
