import type { Finding } from './finding.ts';
import { findByPublishedRules } from './published-rules.ts';
import { looksRandom } from './randomness.ts';
import { isSecretName } from './secret-names.ts';
import { isPlaceholder, tokenFormat } from './token-formats.ts';

const WORD = /[A-Za-z0-9][\w.-]{15,}/g;
/** A name, what stands between it and a value, and a value: `api_key = "…"`, `"apiKey": "…"`, `API_KEY=…`. */
const ASSIGNMENT = /([A-Za-z][\w-]{2,63})["']?[ \t]{0,8}(?::=|=>|[:=])[ \t]{0,8}["'`]?([^\s"'`,;<>(){}[\]\\]{12,512})/g;
const ESCAPE = /\\[nrtbf"/]/g;
const BEARER = /\b(?:bearer|basic)[ \t]{1,4}([\w.~+/=-]{16,2048})/gi;
const CREDENTIALS =
  /\b(redis|rediss|amqp|amqps|smtp|smtps|ldap|ldaps|ssh|sftp|git|nats|kafka|clickhouse):\/\/[^\s:@/"']{0,64}:([^\s@/"']{4,128})@/g;

/**
 * What looks like a secret in a text: by secretlint's rules, by how tokens begin, and by names of secrets beside values
 * that look random. Pure; about 50 ms a megabyte of transcripts, and linear whatever the text.
 */
export function scanText(text: string): Finding[] {
  // A token behind a line break inside a JSON text is no part of the word `nghp_…`.
  const plain = text.includes('\\') ? text.replaceAll(ESCAPE, '  ') : text;
  const published = findByPublishedRules(plain).filter((finding) => !isShownToo(plain.slice(finding.start, finding.end)));
  const findings = [...published, ...findTokens(plain), ...findAssignments(plain), ...findInAddresses(plain)];
  return withoutOverlaps(findings);
}

/** As documentation shows tokens. An address may well name an example and a password that is none. */
function isShownToo(secret: string): boolean {
  return !secret.includes('://') && secret.length < 200 && isPlaceholder(secret);
}

function findTokens(text: string): Finding[] {
  const findings: Finding[] = [];
  for (const { 0: word, index } of text.matchAll(WORD)) {
    const what = tokenFormat(word, (rest) => looksRandom(rest));
    if (what !== null) findings.push({ what, start: index, end: index + word.length });
  }
  return findings;
}

function findAssignments(text: string): Finding[] {
  const findings: Finding[] = [];
  for (const { 0: all, 1: name = '', 2: value = '', index } of text.matchAll(ASSIGNMENT)) {
    if (!isSecretName(name) || !looksRandom(value) || isPlaceholder(value) || isReference(value)) continue;
    findings.push({ what: 'secret by its name', start: index + all.length - value.length, end: index + all.length });
  }
  for (const { 0: all, 1: value = '', index } of text.matchAll(BEARER)) {
    if (!looksRandom(value) || isPlaceholder(value)) continue;
    findings.push({ what: 'authorization', start: index + all.length - value.length, end: index + all.length });
  }
  return findings;
}

function findInAddresses(text: string): Finding[] {
  return [...text.matchAll(CREDENTIALS)]
    .filter(({ 2: password = '' }) => !isPlaceholder(password) && !isReference(password) && !/^passw(?:or)?d$/i.test(password))
    .map(({ 0: all, index }) => ({ what: 'password in an address', start: index, end: index + all.length }));
}

/** Stands for a value that is elsewhere: `$TOKEN`, `${TOKEN}`, `{{token}}`, `%TOKEN%`, `process.env.TOKEN`. */
export function isReference(value: string): boolean {
  return /^(?:\$[A-Za-z_{(]|\{\{|%[A-Za-z_]+%$|process\.env|os\.environ|env\.|op:\/\/|vault:|keychain:|<)/.test(value.trim());
}

/** Of findings that overlap the first one stays, by place and then by the order of the rules. */
function withoutOverlaps(findings: readonly Finding[]): Finding[] {
  const kept: Finding[] = [];
  for (const finding of findings.toSorted((a, b) => a.start - b.start)) {
    const last = kept.at(-1);
    if (last === undefined || finding.start >= last.end) kept.push(finding);
  }
  return kept;
}
