/** The address of the remote that a checkout is known by: `origin`, else the first by name. `null` where there is none. */
export function remoteOfConfig(text: string): string | null {
  const remotes = new Map<string, string>();
  let section: string | null = null;
  for (const raw of text.split(/\r?\n/)) {
    const line = raw.trim();
    if (line.startsWith('[')) {
      section = /^\[remote "((?:[^"\\]|\\.)*)"\]/i.exec(line)?.[1] ?? null;
      continue;
    }
    const url = section === null ? undefined : /^url\s*=\s*(.+)$/i.exec(line)?.[1];
    if (section !== null && url !== undefined && !remotes.has(section)) remotes.set(section, unquoted(url));
  }
  const first = [...remotes.keys()].sort()[0];
  return remotes.get('origin') ?? (first === undefined ? null : (remotes.get(first) ?? null));
}

function unquoted(value: string): string {
  const text = value.trim();
  return text.startsWith('"') ? text.slice(1, -1).replaceAll(/\\(.)/g, '$1') : text.replace(/\s+[#;].*$/, '');
}
