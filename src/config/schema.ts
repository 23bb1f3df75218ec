import path from 'node:path';
import { z } from 'zod';
import { parseStoreAddress } from './store-address.ts';
import { CLAUDE_CATEGORIES, HOST, isPublicUrl, LOG_LEVELS, OBJECTS, OWN_SOURCES, SOURCE_ID } from './values.ts';

const absolutePath = z
  .string()
  .refine(
    (value) => value === '~' || value.startsWith('~/') || path.isAbsolute(value),
    'expected an absolute path, or one that starts with ~/',
  )
  .refine((value) => !value.includes('\0'), 'expected a path without NUL');

const proxies = z
  .array(z.union([z.ipv4(), z.ipv6()], 'expected an IP address each: networks (10.0.0.0/8) and names are not taken'))
  .max(64);

/** Without a path: an origin. */
const publicUrl = z
  .string()
  .refine(isPublicUrl, 'expected an address without a path, like https://hub.example.org (http on loopback only)');

const pattern = z.string().min(1).max(1024);

const host = z.string().regex(HOST, 'expected a host name or an IP address, without scheme, port or brackets');

/** Where a hub keeps its store, where not in its own folder. */
const store = z.string().superRefine((text, issues) => {
  const parsed = parseStoreAddress(text);
  if (!parsed.ok) issues.addIssue({ code: 'custom', message: parsed.error });
});

/** What it has to be exactly is said when it is opened. */
const objects = z.string().superRefine((text, issues) => {
  if (!OBJECTS.test(text)) issues.addIssue({ code: 'custom', message: whyNoBucket(text) });
});

/** Never with the text, which may hold a secret. */
function whyNoBucket(text: string): string {
  if (!/^(?:s3|azure):\/\//.test(text)) return 'expected an address that begins with s3:// or azure://';
  if (text.includes('@'))
    return 'expected an address without credentials: command lines and configuration are shown to others. What opens a bucket stands in buckets.json, or in the environment';
  return 'expected the address of a bucket, without spaces and of 2,000 characters at most';
}

const source = z.strictObject({
  /** Names the source in views and messages; stays the same when the path moves. */
  id: z
    .string()
    .regex(SOURCE_ID, 'expected lower-case letters, digits and dashes, 64 at most')
    .refine((id) => !OWN_SOURCES.includes(id), `expected another name than ${OWN_SOURCES.join(', ')}, which are Satchel’s own`),
  path: absolutePath,
  /** Name of the space that it writes to; the personal one where absent. */
  space: z.string().min(1).max(64).optional(),
  /** Glob patterns relative to `path`. What `include` names, or all, without what `exclude` names. */
  include: z.array(pattern).max(1000).optional(),
  exclude: z.array(pattern).max(1000).optional(),
});

/** What of the Claude home travels, over what the inventory says. */
const claude = z.strictObject({
  /** Whole categories on or off; all but claude-mem-tool-uses are on where nothing is said. */
  categories: z.partialRecord(z.enum(CLAUDE_CATEGORIES), z.boolean()).default({}),
  /** Patterns relative to the Claude home: carried although unknown to the inventory, or never carried by it. */
  include: z.array(pattern).max(1000).default([]),
  exclude: z.array(pattern).max(1000).default([]),
  /** Places in settings that hold no secret, whatever stands there or stood there: `settings.json#/env/GREETING`. */
  notSecret: z.array(z.string().min(1).max(1024)).max(1000).default([]),
});

/** The mneme sync server, at a port of its own. What is not said here says `~/.mneme-server/config.json`, where that is there. */
const mneme = z.strictObject({
  enabled: z.boolean().default(false),
  host: host.optional(),
  port: z.int().min(0).max(65_535).optional(),
  /** `[]` lets everybody on this machine in; without it only tokens made here open anything. */
  apiKeys: z.array(z.string().min(1).max(4096)).max(1000).optional(),
  /** Fractions work. */
  lockTTLMinutes: z.number().positive().max(525_600).optional(),
  /** Of web pages that may call it; `*`: all. */
  allowedOrigins: z.array(z.string().min(1).max(1024)).max(1000).optional(),
  rateLimitPerMinute: z.int().positive().max(10_000_000).optional(),
  /** Addresses of reverse proxies that end TLS before it. */
  proxies: proxies.optional(),
  /** It runs in a container whose port is published on 127.0.0.1 only. */
  publishedOnLoopback: z.boolean().optional(),
});
const memProject = z
  .strictObject({
    /** As claude-mem names it; `*` stands for any characters. The first entry that fits counts. */
    project: z.string().min(1).max(1024),
    /** Its rows stay on this machine. */
    local: z.literal(true).optional(),
    /** Its rows go to the space of this name, instead of the personal one. */
    space: z.string().min(1).max(64).optional(),
  })
  .refine(({ local, space }) => (local === undefined) !== (space === undefined), 'expected either "local": true or a "space"');

/** Rows of claude-mem's database, by project. */
const claudeMem = z.strictObject({ projects: z.array(memProject).max(1000).default([]) });

/** config.json. Every key is optional there; the defaults are those of a work machine. What it refuses, plain-config.ts must not take. */
export const configSchema = z.strictObject({
  host: host.default('127.0.0.1'),
  port: z.int().min(0).max(65_535).default(4600),
  /** No sources, no sealed keys: orders logs for others. */
  hub: z.boolean().default(false),
  /** `postgres://user@host/database`: of hubs only. */
  store: store.optional(),
  /** `s3://bucket/prefix?endpoint=…`, `azure://account/container/prefix`: of hubs only. */
  objects: objects.optional(),
  logLevel: z.enum(LOG_LEVELS).default('info'),
  /** Tell Prometheus at /metrics, behind the token in SATCHEL_HOME/metrics-token. */
  metrics: z.boolean().default(false),
  /** Where others reach this hub, behind a proxy or a balancer: what its invitations say. */
  publicUrl: publicUrl.optional(),
  /** Addresses of reverse proxies that end TLS before it. */
  proxies: proxies.default([]),
  /** Host names by which clients may address this node, besides the loopback ones. */
  names: z.array(host).max(64).default([]),
  sources: z.array(source).max(256).default([]),
  claude: claude.default({ categories: {}, include: [], exclude: [], notSecret: [] }),
  mneme: mneme.default({ enabled: false }),
  claudeMem: claudeMem.default({ projects: [] }),
});

export type ConfigFile = z.infer<typeof configSchema>;
export type SourceConfig = ConfigFile['sources'][number];
export type MnemeConfig = ConfigFile['mneme'];
export type LogLevel = ConfigFile['logLevel'];

/** Names of the keys that an object may have, by its path without indexes: '' and 'sources'. */
export const KNOWN_KEYS: Readonly<Record<string, readonly string[]>> = {
  '': Object.keys(configSchema.shape),
  sources: Object.keys(source.shape),
  claude: Object.keys(claude.shape),
  'claude.categories': CLAUDE_CATEGORIES,
  mneme: Object.keys(mneme.shape),
  claudeMem: Object.keys(claudeMem.shape),
  'claudeMem.projects': Object.keys(memProject.shape),
};
