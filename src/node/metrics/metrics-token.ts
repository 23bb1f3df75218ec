import { readPrivateFile } from '../../config/private-file.ts';
import { problemToText } from '../../config/problem.ts';
import { sha256 } from '../../core/crypto/hash.ts';
import { bytesToHex } from '../../core/ids.ts';
import type { Random } from '../../core/ports/random.ts';
import { createApiToken, type StoredToken } from '../../gateways/native/api-tokens.ts';
import { writePrivate, type NodeHome } from '../home.ts';
import { UnusableMetricsToken } from './unusable-token.ts';

const SHORTEST = 24;

/**
 * What opens /metrics, and nothing else: made at the first start, and kept, since scrapers hold a copy. One that was put
 * there by hand, the same for several hubs say, is taken. Throws {@link UnusableMetricsToken}.
 */
export async function loadMetricsToken(home: NodeHome, random: Random): Promise<StoredToken> {
  const kept = await readMetricsToken(home);
  if (kept !== null) return kept;
  const { token, stored } = createApiToken(['metrics:read'], random);
  await writePrivate(home.metricsToken, token);
  return stored;
}

/** `null`: none was made or put there yet. Throws {@link UnusableMetricsToken}. */
export async function readMetricsToken({ metricsToken: file }: NodeHome): Promise<StoredToken | null> {
  const read = await readPrivateFile(file);
  if (!read.ok) throw new UnusableMetricsToken(problemToText(read.error));
  if (read.value === null) return null;
  const token = read.value.replace(/\r?\n$/, '');
  if (!/^[\x21-\x7e]+$/.test(token) || token.length < SHORTEST)
    throw new UnusableMetricsToken(
      `${file} holds no token: ${SHORTEST} or more letters, digits and signs are needed. Remove it, and one is made`,
    );
  return { id: 'metrics', hash: bytesToHex(sha256(token)), scopes: ['metrics:read'] };
}
