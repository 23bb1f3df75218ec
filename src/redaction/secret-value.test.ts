import { describe, expect, it } from 'vitest';
import { isSecretValue } from './secret-value.ts';

const RANDOM = 'q7Wd2xkR9vLmT4bNz8Yc';

describe('a value of settings', () => {
  it.each<[string[], string]>([
    [['env', 'ANTHROPIC_API_KEY'], 'sk-whatever'],
    [['env', 'ANTHROPIC_AUTH_TOKEN'], 'hunter2hunter2'],
    [['env', 'DB_PASSWORD'], 'correct horse battery'],
    [['env', 'HTTPS_PROXY'], `http://me:${RANDOM}@proxy.corp.example:8080`],
    [['env', 'SENTRY_DSN'], `https://${'0a1b2c3d'.repeat(4)}@o1.ingest.example.io/1`],
    [['env', 'SOMETHING'], `${RANDOM}${RANDOM}`],
    [['env', 'SOMETHING'], '3f9a12cd7be04481a6c2d95fe1b07a34'],
    [['mcpServers', 'gh', 'env', 'GITHUB_PERSONAL_ACCESS_TOKEN'], 'github_pat_short'],
    [['mcpServers', 'gh', 'env', 'GITHUB_PERSONAL_ACCESS_TOKEN'], 'ghp_abcdefghijklmnopqrstuvwxyz0123456789'],
    [['env', 'GITHUB_TOKEN'], 'my-example-of-your-123456789'],
    [['mcpServers', 'x', 'headers', 'Authorization'], `Bearer ${RANDOM}`],
    [['mcpServers', 'x', 'headers', 'X-Api-Key'], 'abcdef'],
    [['mcpServers', 'x', 'args', '1'], `--api-key=${RANDOM}`],
    [['mcpServers', 'x', 'args', '1'], 'ghp_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8'],
    [['mcpServers', 'x', 'url'], `https://mcp.example.com/api/mcp/s/${RANDOM}${RANDOM}/mcp`],
    [['mcpServers', 'x', 'url'], 'https://mcp.example.com/mcp?api_key=abcdefgh'],
  ])('at %j stays: %s', (keyPath, value) => expect(isSecretValue(keyPath, value)).toBe(true));

  it.each<[string[], string]>([
    [['env', 'ANTHROPIC_API_KEY'], '${MY_KEY}'],
    [['env', 'ANTHROPIC_API_KEY'], ''],
    [['env', 'ANTHROPIC_API_KEY'], 'your-api-key-here'],
    [['env', 'ANTHROPIC_API_KEY'], '<paste it here>'],
    [['env', 'ANTHROPIC_API_KEY'], 'xxxxxxxxxxxx'],
    [['env', 'CLAUDE_CODE_MAX_OUTPUT_TOKENS'], '64000'],
    [['env', 'DISABLE_TELEMETRY'], '1'],
    [['env', 'ANTHROPIC_MODEL'], 'claude-opus-4-1-20250805'],
    [['env', 'ANTHROPIC_MODEL'], 'us.anthropic.claude-sonnet-4-20250514-v1:0'],
    [['env', 'ANTHROPIC_BASE_URL'], 'https://gateway.internal.example.org/anthropic/v1'],
    [['env', 'PATH'], '/home/ada/.local/share/mise/installs/node/20.19.0/bin:/usr/bin'],
    [['env', 'AWS_PROFILE'], 'engineering-production-readonly'],
    [['env', 'NODE_OPTIONS'], '--max-old-space-size=8192'],
    [['apiKeyHelper'], '/usr/local/bin/get-key.sh'],
    [['awsCredentialExport'], 'aws-vault exec work --json'],
    [['hooks', 'PreToolUse', '0', 'hooks', '0', 'command'], '$HOME/.claude/hooks/check-secrets-before-commit.sh --strict'],
    [['permissions', 'allow', '0'], 'Bash(git push --force-with-lease origin:*)'],
    [['mcpServers', 'x', 'args', '1'], '@modelcontextprotocol/server-filesystem'],
    [['mcpServers', 'x', 'args', '1'], '--api-key=${API_KEY}'],
    [['mcpServers', 'x', 'url'], 'https://mcp.linear.app/sse'],
    [['enabledPlugins', 'code-review@claude-plugins-official'], 'true'],
    [['model'], 'opusplan'],
    [['outputStyle'], 'Explanatory'],
  ])('at %j travels: %s', (keyPath, value) => expect(isSecretValue(keyPath, value)).toBe(false));
});
