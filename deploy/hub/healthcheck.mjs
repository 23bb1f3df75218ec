// Ends with 0 where the hub in SATCHEL_HOME and its store answer, be its bucket away: that is for /readyz. Over loopback, so that a certificate proves nothing more.
import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import { get as getSecurely } from 'node:https';
import path from 'node:path';

try {
  const { address } = JSON.parse(readFileSync(path.join(process.env.SATCHEL_HOME, 'running.json'), 'utf8'));
  const url = new URL('/healthz', address);
  url.hostname = url.hostname === '[::]' ? '[::1]' : url.hostname === '0.0.0.0' ? '127.0.0.1' : url.hostname;
  const ask = url.protocol === 'https:' ? getSecurely : get;
  const asked = ask(url, { rejectUnauthorized: false, timeout: 4000 }, (answer) => process.exit(answer.statusCode === 200 ? 0 : 1));
  asked.on('timeout', () => process.exit(1));
  asked.on('error', () => process.exit(1));
} catch {
  process.exit(1); // nothing runs yet
}
