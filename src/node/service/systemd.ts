import path from 'node:path';
import { checkUnitText, MARKER, type Command, type ServiceKind, type ServiceProgram } from './service.ts';
import { GLIBC_VARIABLES, NODE_FLAGS } from './thrift.ts';

const UNIT = 'satchel.service';

/** A user unit: needs no root, runs as the user, whose files it captures. */
export function createSystemdKind(configHome: string): ServiceKind {
  return {
    name: 'systemd',
    file: path.join(configHome, 'systemd', 'user', UNIT),
    unit: systemdUnit,
    activate: (changed) => [systemctl('daemon-reload'), systemctl('enable', UNIT), systemctl(changed ? 'restart' : 'start', UNIT)],
    deactivate: () => [systemctl('disable', '--now', UNIT)],
    afterRemoval: () => [systemctl('daemon-reload'), systemctl('reset-failed')],
    isActive: () => systemctl('is-active', '--quiet', UNIT),
    isRunning: () => systemctl('show', '--property=Version'),
  };
}

/**
 * The hardening is what works in a user unit without a namespace of its own: mount options are ignored there, and
 * MemoryDenyWriteExecute would stop V8's compiler.
 */
export function systemdUnit(program: ServiceProgram): string {
  const variables = Object.entries(program.variables).map(([name, value]) => `Environment=${quote(`${name}=${value}`)}`);
  return `# ${MARKER}
# Changes here are lost at the next install; put yours in satchel.service.d/*.conf.
[Unit]
Description=Satchel: carries what a coding agent knows
StartLimitIntervalSec=300
StartLimitBurst=10

[Service]
Type=exec
# The colon keeps $ in paths as it is.
ExecStart=:${[program.node, ...NODE_FLAGS, program.script].map(quote).join(' ')} up
${variables.map((line) => `${line}\n`).join('')}Restart=on-failure
RestartSec=5
# Wrong configuration does not mend itself.
RestartPreventExitStatus=2 5
TimeoutStopSec=40
# An idle node gives memory back.
Environment=${Object.entries(GLIBC_VARIABLES)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')}
UMask=0077
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictNamespaces=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native

[Install]
WantedBy=default.target
`;
}

/** A word in systemd's quoting: C escapes in double quotes, and % doubled, since it starts a specifier. */
function quote(word: string): string {
  return `"${checkUnitText(word).replaceAll(/["\\]/g, '\\$&').replaceAll('%', '%%')}"`;
}

function systemctl(...args: string[]): Command {
  return ['systemctl', '--user', ...args];
}
