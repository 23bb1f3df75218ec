import { rules } from '@secretlint/secretlint-rule-preset-recommend';
import type { Finding } from './finding.ts';

interface Source {
  readonly content: string;
  readonly ext: string;
  readonly filePath: undefined;
}

/** As much of a rule as is used here: those of the preset look at the text alone, and at once. */
interface Rule {
  readonly meta: { readonly id: string };
  create(
    context: {
      createTranslator(): (id: string) => { readonly messageId: string };
      report(found: { readonly message: { readonly messageId: string }; readonly range: readonly [number, number] }): void;
      ignore(): void;
    },
    options: { readonly enableIDScanRule?: boolean },
  ): { file(source: Source): unknown };
}

/** A comment in a text is no reason not to look: whoever plants a text plants the comment too. */
const COMMENTS = '@secretlint/secretlint-rule-filter-comments';

/** By the last part of the rule's id. */
const NAMES: Readonly<Record<string, string>> = {
  aws: 'AWS access key',
  gcp: 'Google service account key',
  npm: 'npm token',
  slack: 'Slack token',
  basicauth: 'password in an address',
  openai: 'OpenAI key',
  anthropic: 'Anthropic key',
  linear: 'Linear key',
  privatekey: 'private key',
  sendgrid: 'SendGrid key',
  shopify: 'Shopify key',
  github: 'GitHub token',
  '1password': '1Password token',
  'database-connection-string': 'password in an address',
};

/** Reported by the preset and no secret by themselves. */
const HARMLESS = new Set(['AWSAccountID']);

interface Prepared {
  readonly what: string;
  readonly found: Finding[];
  readonly handler: { file(source: Source): unknown };
}

/**
 * What each rule needs to find anything at all. Preparing the rules costs some 20 ms, which a command that looks at a few
 * settings should not pay. A rule that is new in the preset and finds what none of these is in would be missed:
 * `published-rules.test.ts` goes through the preset.
 */
const NEEDED =
  /PRIVATE KEY|:\/\/[^\s/]{0,512}@|x-oauth-basic|(?:ACCESS|access|Access)_?(?:KEY|key|Key)|(?:A3T|AKIA|AGPA|AIDA|AROA|AIPA|ANPA|ANVA|ASIA)[A-Z0-9]|npm_|_authToken|xox|xapp|hooks\.slack|sk-|SG\.|shp(?:pa|ca|at|ss)_|gh[pousr]_|github_pat_|lin_api_|ops_ey|private_key_id/i;

let prepared: readonly Prepared[] | null = null;

function prepare(): readonly Prepared[] {
  return (rules as unknown as readonly Rule[])
    .filter(({ meta }) => meta.id !== COMMENTS)
    .map((rule) => {
      const short = rule.meta.id.replace('@secretlint/secretlint-rule-', '');
      const what = NAMES[short] ?? short;
      const found: Finding[] = [];
      const handler = rule.create(
        {
          createTranslator: () => (messageId) => ({ messageId }),
          report: ({ message, range }) => {
            if (!HARMLESS.has(message.messageId)) found.push({ what, start: range[0], end: range[1] });
          },
          ignore: () => undefined,
        },
        { enableIDScanRule: true },
      );
      return { what, found, handler };
    });
}

/** What the rules of secretlint's recommended preset find. About 15 ms a megabyte. */
export function findByPublishedRules(text: string): Finding[] {
  if (!NEEDED.test(text)) return [];
  prepared ??= prepare();
  const ext = text.startsWith('{') ? '.json' : '';
  return prepared.flatMap(({ found, handler }) => {
    found.length = 0;
    handler.file({ content: text, ext, filePath: undefined });
    return [...found];
  });
}
