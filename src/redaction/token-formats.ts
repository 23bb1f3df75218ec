/** Tokens that say what they are by how they begin. Written down from what their issuers publish. */
interface TokenFormat {
  readonly what: string;
  readonly prefixes: readonly string[];
  /** Of what follows the prefix, `.` and `-` and `_` included. */
  readonly length: readonly [number, number];
  /** By itself the prefix says little: the rest must look random. */
  readonly common?: boolean;
}

const FORMATS: readonly TokenFormat[] = [
  { what: 'Anthropic key', prefixes: ['sk-ant-'], length: [24, 240] },
  { what: 'OpenAI key', prefixes: ['sk-proj-', 'sk-svcacct-', 'sk-admin-'], length: [24, 240] },
  { what: 'OpenRouter key', prefixes: ['sk-or-v1-'], length: [32, 128] },
  { what: 'API key', prefixes: ['sk-'], length: [20, 240], common: true },
  { what: 'GitHub token', prefixes: ['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_'], length: [30, 255] },
  { what: 'GitHub token', prefixes: ['github_pat_'], length: [30, 255] },
  { what: 'GitLab token', prefixes: ['glpat-', 'gldt-', 'glrt-', 'glptt-', 'glcbt-', 'gloas-'], length: [20, 300] },
  { what: 'Google API key', prefixes: ['AIza'], length: [35, 40] },
  { what: 'Google client secret', prefixes: ['GOCSPX-'], length: [24, 40] },
  { what: 'Google access token', prefixes: ['ya29.'], length: [20, 512] },
  { what: 'Stripe key', prefixes: ['sk_live_', 'sk_test_', 'rk_live_', 'rk_test_', 'whsec_'], length: [16, 255] },
  { what: 'Slack token', prefixes: ['xoxb-', 'xoxp-', 'xoxa-', 'xoxr-', 'xoxs-', 'xoxc-', 'xoxd-', 'xoxe-', 'xapp-'], length: [16, 400] },
  { what: 'Hugging Face token', prefixes: ['hf_'], length: [30, 48] },
  { what: 'xAI key', prefixes: ['xai-'], length: [60, 120] },
  { what: 'Groq key', prefixes: ['gsk_'], length: [40, 64] },
  { what: 'Perplexity key', prefixes: ['pplx-'], length: [40, 64] },
  { what: 'Replicate token', prefixes: ['r8_'], length: [30, 48] },
  { what: 'npm token', prefixes: ['npm_'], length: [36, 64] },
  { what: 'PyPI token', prefixes: ['pypi-'], length: [50, 400] },
  { what: 'Docker token', prefixes: ['dckr_pat_', 'dckr_oat_'], length: [20, 64] },
  { what: 'DigitalOcean token', prefixes: ['dop_v1_', 'doo_v1_', 'dor_v1_'], length: [64, 64] },
  { what: 'Databricks token', prefixes: ['dapi'], length: [32, 40], common: true },
  { what: 'Vault token', prefixes: ['hvs.', 'hvb.', 'hvr.'], length: [24, 300] },
  { what: 'Terraform token', prefixes: ['atlasv1.'], length: [40, 100] },
  { what: 'Atlassian token', prefixes: ['ATATT3', 'ATCTT3'], length: [60, 300] },
  { what: 'Notion token', prefixes: ['ntn_'], length: [40, 64] },
  { what: 'Figma token', prefixes: ['figd_'], length: [36, 64] },
  { what: 'Linear key', prefixes: ['lin_api_', 'lin_oauth_'], length: [32, 128] },
  { what: 'Supabase key', prefixes: ['sbp_', 'sb_secret_'], length: [20, 80] },
  { what: 'Netlify token', prefixes: ['nfp_'], length: [36, 64] },
  { what: 'Grafana token', prefixes: ['glsa_', 'glc_'], length: [32, 400] },
  { what: 'Sentry token', prefixes: ['sntrys_', 'sntryu_'], length: [40, 400] },
  { what: 'New Relic key', prefixes: ['NRAK-'], length: [27, 40] },
  { what: 'Postman key', prefixes: ['PMAK-'], length: [40, 80] },
  { what: 'Shopify key', prefixes: ['shpat_', 'shpca_', 'shppa_', 'shpss_'], length: [32, 64] },
  { what: 'SendGrid key', prefixes: ['SG.'], length: [60, 80] },
  { what: 'Square token', prefixes: ['sq0atp-', 'sq0csp-'], length: [22, 64] },
  { what: 'Cloudflare key', prefixes: ['v1.0-'], length: [140, 200] },
  { what: 'Tailscale key', prefixes: ['tskey-'], length: [20, 120] },
  { what: 'Pulumi token', prefixes: ['pul-'], length: [40, 40] },
  { what: 'Doppler token', prefixes: ['dp.pt.', 'dp.st.'], length: [40, 64] },
  { what: 'age secret key', prefixes: ['AGE-SECRET-KEY-1', 'AGE-PLUGIN-'], length: [50, 200] },
];

const BY_START = new Map<string, { readonly prefix: string; readonly format: TokenFormat }[]>();
for (const format of FORMATS) {
  for (const prefix of format.prefixes) {
    const start = prefix.slice(0, 3);
    BY_START.set(start, [...(BY_START.get(start) ?? []), { prefix, format }]);
  }
}

/**
 * What a word is by its beginning; `null`: nothing known. The first format that fits decides. `isRandom` judges the rest
 * where the beginning is common. O(word).
 */
export function tokenFormat(word: string, isRandom: (rest: string) => boolean): string | null {
  for (const { prefix, format } of BY_START.get(word.slice(0, 3)) ?? []) {
    const rest = word.length - prefix.length;
    if (rest < format.length[0] || rest > format.length[1] || !word.startsWith(prefix)) continue;
    if (isPlaceholder(word.slice(prefix.length)) || (format.common === true && !isRandom(word.slice(prefix.length)))) continue;
    return format.what;
  }
  return isJsonWebToken(word) ? 'JSON web token' : null;
}

/** `xxxxxxxx`, `your-key-here`, `0000`: what documentation shows. */
export function isPlaceholder(text: string): boolean {
  if (new Set(text).size <= 3) return true;
  return /(?:x{6}|\*{4}|\.{4}|your[-_]?|example|placeholder|changeme|redacted|dummy|insert[-_]|replace[-_]|<[^>]{1,60}>)/i.test(text);
}

/**
 * The same of a value that stands under the name of a secret, where only what can be nothing else is taken for one: a
 * real key may hold `example`, or digits in a row.
 */
export function isNothingButPlaceholder(text: string): boolean {
  if (new Set(text).size <= 3) return true;
  return /^(?:<[^>]{1,60}>|change[-_ ]?me|placeholder|redacted|dummy|example|todo|(?:your|insert|replace|enter)[-_ ][a-z_ -]{1,60})$/i.test(
    text,
  );
}

function isJsonWebToken(word: string): boolean {
  if (!word.startsWith('eyJ')) return false;
  const [header = '', payload = '', signature = '', ...more] = word.split('.');
  return more.length === 0 && header.length >= 16 && payload.startsWith('eyJ') && payload.length >= 16 && signature.length >= 16;
}
