import path from 'node:path';
import { z } from 'zod';
import type { Config } from '../../config/config.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { isLoopback } from '../../gateways/native/guard.ts';
import { readPrivate } from '../home.ts';

/** What the mneme gateway runs by. */
export interface MnemeSettings {
  readonly host: string;
  readonly port: number;
  /** Keys that stand in a file; `[]`: everybody is let in; `null`: none are written, only tokens count. */
  readonly apiKeys: readonly string[] | null;
  /** Of a lock, milliseconds. */
  readonly lockLifetime: number;
  readonly origins: readonly string[];
  readonly requestsPerMinute: number;
  readonly proxies: readonly string[];
  readonly publishedOnLoopback: boolean;
  /** Where the server that this one takes the place of kept its projects. */
  readonly dataDir: string;
}

export const MNEME_PORT = 3847;
const TTL_MINUTES = 30;
const REQUESTS_PER_MINUTE = 120;

/** The first server's own file. It may say more than we know: other programs' files are read for what is in them. */
const seedSchema = z.object({
  port: z.int().min(0).max(65_535).optional(),
  dataDir: z.string().min(1).optional(),
  apiKeys: z.array(z.string().min(1)).optional(),
  lockTTLMinutes: z.number().positive().max(525_600).optional(),
  allowedOrigins: z.array(z.string().min(1)).optional(),
  rateLimitPerMinute: z.int().positive().optional(),
});

export const seedFile = (userHome: string): string => path.join(userHome, '.mneme-server', 'config.json');

/** Our own configuration, laid over the first server's. The error says which file is wrong, and why. */
export async function readMnemeSettings({
  mneme,
  environment,
}: Pick<Config, 'mneme' | 'environment'>): Promise<Result<MnemeSettings, string>> {
  const { userHome } = environment;
  const seed = await readSeed(seedFile(userHome));
  if (!seed.ok) return seed;
  const given = { ...seed.value, ...mneme };
  const settings: MnemeSettings = {
    host: mneme.host ?? '127.0.0.1',
    port: given.port ?? MNEME_PORT,
    apiKeys: given.apiKeys ?? null,
    lockLifetime: (given.lockTTLMinutes ?? TTL_MINUTES) * 60_000,
    origins: given.allowedOrigins ?? [],
    requestsPerMinute: given.rateLimitPerMinute ?? REQUESTS_PER_MINUTE,
    proxies: mneme.proxies ?? [],
    publishedOnLoopback: mneme.publishedOnLoopback ?? false,
    dataDir: atHome(seed.value.dataDir ?? '~/.mneme-server', userHome),
  };
  const isOpen = settings.apiKeys?.length === 0;
  if (isOpen && !isLoopback(settings.host) && !settings.publishedOnLoopback)
    return fail(`"apiKeys": [] lets everybody in, which is taken on loopback only, not at ${settings.host}`);
  if (isOpen && settings.origins.includes('*'))
    return fail('"apiKeys": [] and "allowedOrigins": ["*"] together would let every web page read it: name the origins, or use keys');
  return ok(settings);
}

async function readSeed(file: string): Promise<Result<z.infer<typeof seedSchema>, string>> {
  const text = await readPrivate(file);
  if (text === null) return ok({});
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return fail(`${file} is not JSON`); // V8's own words quote the text, which may hold a key
    throw error;
  }
  const parsed = seedSchema.safeParse(value);
  if (parsed.success) return ok(parsed.data);
  return fail(`${file}: ${parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ')}`);
}

function atHome(text: string, userHome: string): string {
  return path.resolve(userHome, text === '~' || text.startsWith('~/') ? `.${text.slice(1)}` : text);
}
