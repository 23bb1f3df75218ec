import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byLine } from './finding.ts';
import { scanText } from './scan-text.ts';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** Random by the look of it, the same each time, and no token that anybody could report as leaked. */
function rolled(length: number, alphabet = ALPHABET, seed = 7): string {
  let state = seed;
  return Array.from({ length }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return alphabet[(state >>> 16) % alphabet.length];
  }).join('');
}

const HEX = '0123456789abcdef';

const SECRETS: readonly (readonly [what: string, text: string])[] = [
  ['GitHub token', `ghp_${rolled(36)}`],
  ['GitHub token', `github_pat_${rolled(82)}`],
  ['Anthropic key', `sk-ant-api03-${rolled(93)}AA`],
  ['Anthropic key', `sk-ant-oat01-${rolled(95)}`],
  ['OpenAI key', `sk-proj-${rolled(120)}`],
  ['API key', `sk-${rolled(40)}`],
  ['OpenRouter key', `sk-or-v1-${rolled(64, HEX)}`],
  ['AWS access key', `AKIA${rolled(16, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567')}`],
  ['AWS access key', `aws_secret_access_key = ${rolled(40)}`],
  ['Google API key', `AIza${rolled(35)}`],
  ['GitLab token', `glpat-${rolled(20)}`],
  ['Slack token', `xoxb-${rolled(12, '0123456789')}-${rolled(24)}`],
  ['Stripe key', `sk_live_${rolled(24)}`],
  ['Hugging Face token', `hf_${rolled(34)}`],
  ['npm token', `npm_${rolled(36)}`],
  ['JSON web token', `eyJhbGciOiJIUzI1NiJ9.eyJ${rolled(40)}.${rolled(43)}`],
  ['age secret key', `AGE-SECRET-KEY-1${rolled(58, 'QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L')}`],
  ['private key', `-----BEGIN RSA PRIVATE KEY-----\nMII${rolled(400)}\n-----END RSA PRIVATE KEY-----`],
  ['password in an address', `postgres://app:${rolled(16)}@db.internal/app`],
  ['password in an address', `https://bot:${rolled(16)}@git.example.org/x`],
  ['password in an address', `redis://:${rolled(16)}@cache:6379`],
  ['secret by its name', `MY_SERVICE_API_KEY=${rolled(32)}`],
  ['secret by its name', `{"dbPassword": "${rolled(20)}"}`],
  ['authorization', `Authorization: Bearer ${rolled(40)}`],
];

const HARMLESS: readonly string[] = [
  'the session 1b4e28ba-2fa1-11d2-883f-0016d3cca427 in projects/-home-ada-code-app/',
  'model: claude-opus-4-1-20250805, or claude-3-5-haiku-20241022',
  'commit 9fceb02d0ae598e95dc970b74767f19372d61af8 (HEAD -> main)',
  'sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==',
  'const token = await getTokenFromKeychain(request.headers);',
  'OPENAI_API_KEY=$OPENAI_API_KEY and export TOKEN=${TOKEN}',
  'api_key = "your-api-key-goes-here-please"',
  'password: xxxxxxxxxxxxxxxxxxxxxxxx',
  'sk-loading-spinner-container-wrapper',
  'ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx',
  'https://user:password@localhost:8080/',
  'MAX_OUTPUT_TOKENS=64000 tokenLimit: 200000 KEY_FILE=/home/ada/.ssh/id_ed25519_work_2024',
  '-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----',
  'const primaryKeyColumnName = "organization_membership_id";',
  '/Users/ada/Library/Application Support/Code/User/workspaceStorage',
];

describe('secrets in a text', () => {
  it.each(SECRETS)('%s is found', (what, text) => {
    for (const around of [text, `before\n${text}\nafter`, JSON.stringify({ content: `first line\n${text}\nlast line` })]) {
      expect(scanText(around).map((finding) => finding.what)).toEqual([what]);
    }
  });

  it.each(HARMLESS)('%s is none', (text) => expect(scanText(text)).toEqual([]));

  it('are where the finding says, and only there', () => {
    const token = `ghp_${rolled(36)}`;
    const text = `one\ntwo ${token} three\n${token}`;
    const findings = scanText(text);
    expect(findings.map(({ start, end }) => text.slice(start, end))).toEqual([token, token]);
    expect(byLine(text, findings)).toEqual([
      { what: 'GitHub token', line: 2 },
      { what: 'GitHub token', line: 3 },
    ]);
    expect(JSON.stringify(byLine(text, findings))).not.toContain(token.slice(4, 12));
  });

  it('are found whatever comment stands beside them', () => {
    expect(scanText(`// secretlint-disable\nghp_${rolled(36)} // secretlint-disable-line`)).toHaveLength(1);
  });

  it('never overlap, and lie inside the text', () => {
    const piece = fc.oneof(fc.constantFrom(...SECRETS.map(([, text]) => text), ' ', '\n', '"', '='), fc.string({ maxLength: 20 }));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join('');
        let end = 0;
        for (const finding of scanText(text)) {
          expect(finding.start).toBeGreaterThanOrEqual(end);
          expect(finding.end).toBeGreaterThan(finding.start);
          end = finding.end;
        }
        expect(end).toBeLessThanOrEqual(text.length);
      }),
      { numRuns: 200 },
    );
  });

  // What grows faster than the text ends in the test's time limit: a hundred repeats of 100 KB, whatever is repeated.
  it('take time in proportion to the text', () => {
    const part = fc.constantFrom(
      ...['a', 'A1', '0', '-', '_', '.', '=', ' ', '\n', '"', "'", ': ', '://', '@', '/', '\\', '\\n', 'é', '𝕏', '$', '{', '}'],
      ...['token=', 'secret: "', 'password', 'xoxb-', 'sk-', 'ghp_', 'eyJ', 'SG.', 'AIza', 'https://a:b', 'mongodb://', 'postgres://u:'],
      ...[
        'redis://',
        '-----BEGIN PRIVATE KEY-----',
        '-----END',
        'aws_secret_access_key=',
        'ops_ey',
        'bearer ',
        'shpat_',
        'AKIA',
        'T3BlbkFJ',
      ],
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 3 }), fc.array(part, { minLength: 1, maxLength: 4 }), part, (start, pump, end) => {
        const repeated = pump.join('');
        scanText(start.join('') + repeated.repeat(Math.ceil(100_000 / repeated.length)) + end);
      }),
      { numRuns: 100 },
    );
  });
});
