import path from 'node:path';
import { checkUnitText, MARKER, type ServiceKind, type ServiceProgram } from './service.ts';
import { NODE_FLAGS } from './thrift.ts';

const LABEL = 'org.satchel.node';

/** A launch agent of the user: runs from login on. */
export function createLaunchdKind(userHome: string, uid: number): ServiceKind {
  const file = path.join(userHome, 'Library', 'LaunchAgents', `${LABEL}.plist`);
  const domain = `gui/${uid}`;
  const start = ['launchctl', 'bootstrap', domain, file] as const;
  const stop = ['launchctl', 'bootout', `${domain}/${LABEL}`] as const;
  return {
    name: 'launchd',
    file,
    unit: launchdAgent,
    // launchd reads a file once, at bootstrap; a changed one needs the old to be booted out.
    activate: (changed) => (changed ? [stop, start] : [start]),
    deactivate: () => [stop],
    afterRemoval: () => [],
    isActive: () => ['launchctl', 'print', `${domain}/${LABEL}`],
    isRunning: () => ['launchctl', 'print', domain],
  };
}

export function launchdAgent(program: ServiceProgram): string {
  const variables = Object.entries(program.variables).map(
    ([name, value]) => `    <key>${xml(name)}</key>\n    <string>${xml(value)}</string>\n`,
  );
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- ${MARKER} -->
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>${LABEL}</string>
  <key>ProgramArguments</key>
  <array>
${[program.node, ...NODE_FLAGS, program.script, 'up'].map((word) => `    <string>${xml(word)}</string>\n`).join('')}  </array>
  <key>EnvironmentVariables</key>
  <dict>
${variables.join('')}  </dict>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <dict>
    <key>SuccessfulExit</key>
    <false/>
  </dict>
  <key>ExitTimeOut</key>
  <integer>40</integer>
  <key>ThrottleInterval</key>
  <integer>10</integer>
  <key>ProcessType</key>
  <string>Background</string>
  <key>Umask</key>
  <integer>63</integer>
  <key>StandardOutPath</key>
  <string>${xml(path.join(program.logFolder, 'service.log'))}</string>
  <key>StandardErrorPath</key>
  <string>${xml(path.join(program.logFolder, 'service.log'))}</string>
</dict>
</plist>
`;
}

function xml(text: string): string {
  return checkUnitText(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
