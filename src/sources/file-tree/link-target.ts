/**
 * True for a link that means the same on every machine: relative, and staying inside the root. `..` is allowed only
 * at the front, so that no other link on the way can change what it means.
 */
export function staysInside(name: string, target: string): boolean {
  if (target === '' || target.startsWith('/') || target.includes('\\') || target.includes('\0') || /^[a-zA-Z]:/.test(target)) return false;
  const segments = target.split('/').filter((segment) => segment !== '' && segment !== '.');
  const ups = segments.findIndex((segment) => segment !== '..');
  if (ups === -1) return false;
  if (segments.slice(ups).includes('..')) return false;
  return ups <= name.split('/').length - 1;
}
