import { describe, expect, it } from 'vitest';
import { pathsIn, serverCommands, settingsCommands } from './command-paths.ts';
import { lostPlugins } from './plugin-health.ts';

const paths = { home: '/home/ana', claudeHome: '/home/ana/.claude' };

describe('what Claude Code would run', () => {
  it('is found in settings and servers, whatever else stands there', () => {
    expect(
      settingsCommands({
        hooks: {
          Stop: [
            {
              matcher: '',
              hooks: [
                { type: 'command', command: 'a' },
                { type: 'prompt', prompt: 'x' },
              ],
            },
            null,
          ],
          PreToolUse: 'odd',
        },
        statusLine: { type: 'command', command: 'b' },
        apiKeyHelper: 'c',
        fileSuggestion: { type: 'command', command: 'd' },
        model: 'opus',
      }),
    ).toEqual([
      { where: 'hooks → Stop', command: 'a' },
      { where: 'apiKeyHelper', command: 'c' },
      { where: 'fileSuggestion', command: 'd' },
      { where: 'statusLine', command: 'b' },
    ]);
    expect(serverCommands({ mcpServers: { x: { command: 'e' }, y: { url: 'https://example.com' }, z: null } })).toEqual([
      { where: 'mcpServers → x', command: 'e' },
    ]);
    for (const odd of [null, [], 'x', { hooks: [] }, { mcpServers: 1 }])
      expect([settingsCommands(odd), serverCommands(odd)]).toEqual([[], []]);
  });

  it.each<[string, readonly string[]]>([
    ['/usr/bin/x --y', ['/usr/bin/x']],
    ['bash ~/.claude/hooks/a.sh', ['/home/ana/.claude/hooks/a.sh']],
    ['node "$HOME/b c.js"', []],
    ["node '$HOME/b.js' | /bin/tee /tmp/out > /dev/null", ['/home/ana/b.js', '/bin/tee']],
    ['"${CLAUDE_CONFIG_DIR}/x.sh"', ['/home/ana/.claude/x.sh']],
    ['$FOO/x /a/*.md', []],
    ['npx -y tool', []],
  ])('%s names %j', (command, expected) => expect(pathsIn(command, paths)).toEqual(expected));
});

describe('plugins that would not load', () => {
  const installed = { plugins: { 'a@m': [{ installPath: '/p/a' }], 'b@m': [{ installPath: '/p/b' }], 'c@n': [{ installPath: '/p/a' }] } };
  const marketplaces = { m: { installLocation: '/p/m' }, n: { installLocation: '/p/n' } };
  const exists = (path: string): boolean => ['/p/a', '/p/m'].includes(path);

  it('are those whose folder, registry entry or marketplace is not there', () => {
    const enabledPlugins = { 'a@m': true, 'b@m': true, 'c@n': true, 'd@m': true, 'e@m': false };
    expect(lostPlugins({ enabledPlugins }, installed, marketplaces, exists)).toEqual([
      { plugin: 'b@m', reason: 'is registered at /p/b, which is not there' },
      { plugin: 'c@n', reason: 'comes from the marketplace n at /p/n, which is not there' },
      { plugin: 'd@m', reason: 'is enabled, and not registered on this machine' },
    ]);
    for (const odd of [null, [], 'x']) expect(lostPlugins(odd, odd, odd, exists)).toEqual([]);
  });
});
