import { rules } from '@secretlint/secretlint-rule-preset-recommend';
import { describe, expect, it } from 'vitest';
import { findByPublishedRules } from './published-rules.ts';

const word = (length: number): string => 'A1b2C3d4E5f6G7h8I9j0'.repeat(20).slice(0, length);
const digits = '1234567890123';
const pem = `-----BEGIN PRIVATE KEY-----\nMII${word(300)}\n-----END PRIVATE KEY-----`;
/** Ends in `fQ==`, as the rule wants it. */
const onePassword = ['', ' ', '  ']
  .map((filler) => Buffer.from(JSON.stringify({ email: word(40) + filler, secretKey: word(40), userAuth: word(20) })).toString('base64'))
  .find((text) => text.endsWith('fQ=='));

/** What each rule of the preset finds, by the last part of its id. */
const SAMPLES: Readonly<Record<string, readonly string[]>> = {
  aws: ['AKIAABCDEFGHIJKLMNOP', `AWS_SECRET_ACCESS_KEY=${word(40)}`, `secretaccesskey: "${word(40)}"`],
  gcp: [JSON.stringify({ private_key_id: 'x', private_key: pem })],
  privatekey: [pem, pem.replaceAll('PRIVATE', 'RSA PRIVATE')],
  npm: [`npm_${word(36)}`, `https://${word(40)}:x-oauth-basic@github.com/x/y`],
  basicauth: ['https://builder:s3cr3tW0rd@git.internal.net/x'],
  slack: [
    `xoxb-${digits}-${word(24)}`,
    `xapp-1-${word(10)}-${digits}`,
    `https://hooks.slack.com/services/T${word(8)}/B${word(8)}/${word(24)}`,
  ],
  sendgrid: [`SG.${word(22)}.${word(43)}`],
  shopify: [`shpat_${word(32)}`, `shpss_${word(32)}`],
  github: [`ghp_${word(36)}`, `ghs_${word(36)}`, `github_pat_${word(82)}`],
  openai: [`sk-${word(20)}T3BlbkFJ${word(20)}`, `sk-proj-${word(74)}T3BlbkFJ${word(74)}`],
  anthropic: [`sk-ant-api03-${word(93)}AA`],
  linear: [`lin_api_${word(40)}`],
  '1password': [`ops_${onePassword}`],
  'database-connection-string': [
    'postgres://app:s3cr3tW0rd@db/app',
    'mongodb+srv://app:s3cr3tW0rd@db/app',
    'mysql://app:s3cr3tW0rd@db/app',
  ],
};

describe('the rules of the preset', () => {
  it('all have an example here, so that one that is new is looked at', () => {
    const ids = (rules as readonly { readonly meta: { readonly id: string } }[]).map(({ meta }) => meta.id.split('rule-')[1] ?? '');
    expect(Object.keys(SAMPLES).toSorted()).toEqual(ids.filter((id) => id !== 'filter-comments').toSorted());
  });

  it.each(Object.entries(SAMPLES).flatMap(([id, samples]) => samples.map((sample) => [id, sample] as const)))('%s: %s', (_, sample) => {
    expect(findByPublishedRules(sample).length).toBeGreaterThan(0);
    expect(findByPublishedRules(sample.startsWith('{') ? sample : `before ${sample} after`).length).toBeGreaterThan(0);
  });
});
