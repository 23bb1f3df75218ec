import type { IsSecret } from './form.ts';

const NAME =
  /(?:^|[_.-])(?:api[_-]?key|access[_-]?key|private[_-]?key|secret|token|password|passwd|passphrase|credentials?|auth|authorization|bearer|cookie|pat)(?:$|[_.-])/;
const VALUE = [
  /\bsk-[A-Za-z0-9_-]{16,}/,
  /\bgh[pousr]_[A-Za-z0-9]{20,}/,
  /\bgithub_pat_[A-Za-z0-9_]{20,}/,
  /\bxox[abprs]-[A-Za-z0-9-]{10,}/,
  /\bA(?:KI|SI)A[0-9A-Z]{16}\b/,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  /\b(?:Bearer|Basic)\s+[A-Za-z0-9+/._~=-]{12,}/i,
  /^[a-z][a-z0-9+.-]*:\/\/[^/\s:@]+:[^/\s@]+@/i,
];
/** A variable that stands for a value is none. */
const REFERENCE = /^\s*(?:(?:Bearer|Basic)\s+)?\$\{?[A-Za-z_][A-Za-z0-9_]*(?::-)?\}?\s*$/;

/** Known names of secrets, and values that look like nothing else. */
export const isSecretByName: IsSecret = (keyPath, value) => {
  if (value === '' || REFERENCE.test(value)) return false;
  const name = keyPath.findLast((key) => !/^\d+$/.test(key)) ?? '';
  const words = name.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();
  return (NAME.test(words) && !/helper|path|file|url$/.test(words) && value.length >= 6) || VALUE.some((pattern) => pattern.test(value));
};
