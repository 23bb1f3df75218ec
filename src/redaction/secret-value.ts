import { looksRandom } from './randomness.ts';
import { isReference, scanText } from './scan-text.ts';
import { holdsSecret, printsItself } from './secret-in-command.ts';
import { isSecretName } from './secret-names.ts';
import { isNothingButPlaceholder, isPlaceholder } from './token-formats.ts';

const SHORTEST = 6;
const OPTION = /^--?([\w-]{2,64})[= ](.+)$/s;
const ADDRESS = /^[a-z][a-z0-9+.-]{1,20}:\/\//i;

/**
 * Whether a value of settings, of an environment or of an MCP server must stay on its machine. `keyPath` leads there from
 * the document's root, array indexes in digits. In doubt yes: a value kept back is asked for on the other machine, one
 * that travelled cannot be called back. O(value).
 */
export function isSecretValue(keyPath: readonly string[], value: string): boolean {
  const text = value.trim().replace(/^(?:bearer|basic|token)\s+/i, '');
  if (text.length < SHORTEST || isReference(text)) return false;
  const name = keyPath.findLast((key) => !/^\d+$/.test(key)) ?? '';
  if (isSecretName(name)) return !isWord(text) && !isNothingButPlaceholder(text);
  if (/helper$/i.test(name) && printsItself(value)) return true;
  if (holdsSecret(value) || (/^bearer\s/i.test(value.trim()) && !isNothingButPlaceholder(text))) return true;
  if (!ADDRESS.test(text) && isPlaceholder(text) && !looksRandom(text)) return false;
  const option = OPTION.exec(text);
  if (option !== null && isSecretName(option[1] ?? '')) return !isReference(option[2] ?? '') && (option[2] ?? '').length >= SHORTEST;
  if (scanText(value).length > 0) return true;
  if (ADDRESS.test(text)) return isSecretAddress(text);
  if (/(?:sha|sha\d+|commit|ref|rev|revision)$/i.test(name) && /^[0-9a-f]{40,64}$/.test(text)) return false;
  return !/[\s/\\]/.test(text) && looksRandom(text, true);
}

/** `true`, `none`, `12000`: what no secret is. */
function isWord(text: string): boolean {
  return /^(?:true|false|none|null|auto|default|disabled|enabled|required|optional|\d{1,9})$/i.test(text);
}

/** An address with a secret in its path or its query, as some MCP servers are given out. */
function isSecretAddress(text: string): boolean {
  const [path = '', query = ''] = text.split(/[?#]/, 2);
  const named = query.split('&').some((pair) => {
    const [name = '', value = ''] = pair.split('=', 2);
    return value.length >= SHORTEST && !isReference(value) && (isSecretName(name) || /^(?:key|sig|signature|code|auth)$/i.test(name));
  });
  return (
    named ||
    path
      .split('/')
      .slice(3)
      .some((segment) => looksRandom(segment, true))
  );
}
