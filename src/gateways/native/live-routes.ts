import { createRoute, z } from '@hono/zod-openapi';
import { HUB_LIMITS, LIVE_HEARTBEAT } from '../../core/hub-protocol/limits.ts';
import type { MachineId, SpaceId } from '../../core/ids.ts';
import { closingError } from './api-error.ts';
import { checkJsonLength } from './body.ts';
import type { HubApp, RouteDeps } from './hub-app.ts';
import { createLiveStream } from './live-stream.ts';
import { asMachine, countIn, errorAnswers, hex32 } from './schema.ts';
import { whenOver } from './when-over.ts';

// Typed loosely: its media type looks like JSON to the types of zod-openapi, which then would want a JSON answer.
const lineContent: Record<string, { schema: z.ZodType }> = { 'application/x-ndjson': { schema: z.string() } };

const liveRoute = createRoute({
  method: 'post',
  path: '/v1/live',
  summary: 'Heads of many spaces, as they move',
  description: `One line \`{"space", "head"}\` a move, at first one for every space; an empty line at least every ${LIVE_HEARTBEAT / 1000} s. Spaces that are unknown, or do not list this machine, have the head null, until they do. With \`segments=1\` a line may have a third member \`segment\`: in base64, the body of the append that moved the head, up to \`segmentBytes\` (${HUB_LIMITS.liveSegmentUnsaid / 1024} KiB where that is not said, ${HUB_LIMITS.liveSegmentBytes / 1024} KiB at most), unless this machine signed it.`,
  security: asMachine,
  request: {
    query: z.object({ segments: z.literal('1').optional(), segmentBytes: countIn(1, Number.MAX_SAFE_INTEGER).optional() }),
    body: {
      required: true,
      content: { 'application/json': { schema: z.strictObject({ spaces: z.array(hex32).max(HUB_LIMITS.spacesPerLive) }) } },
    },
  },
  responses: { 200: { description: 'Until either side ends it', content: lineContent }, ...errorAnswers },
});

export function addLiveRoutes(app: HubApp, { remote, authority, clock, log, limits }: RouteDeps): void {
  const open = new Map<MachineId, Set<AbortController>>();

  app.use('/v1/live', async (c, next) => {
    checkJsonLength(c, HUB_LIMITS.jsonBytes);
    await next();
  });

  app.openapi(liveRoute, (c) => {
    if (c.env.closing.aborted) throw closingError();
    const machine = c.get('machine');
    const streams = open.get(machine) ?? new Set<AbortController>();
    const [oldest] = streams;
    if (streams.size >= limits.liveStreamsPerMachine) oldest?.abort();
    const ending = new AbortController();
    const end = (): void => ending.abort();
    open.set(machine, streams.add(ending));
    c.env.closing.addEventListener('abort', end, { once: true });
    ending.signal.addEventListener('abort', () => {
      c.env.closing.removeEventListener('abort', end);
      streams.delete(ending);
      if (streams.size === 0 && open.get(machine) === streams) open.delete(machine);
    });
    whenOver(c, end);
    const { segments, segmentBytes = HUB_LIMITS.liveSegmentUnsaid } = c.req.valid('query');
    const stream = createLiveStream(
      {
        remote,
        clock,
        log,
        roleOf: (space) => authority.roleOf(space, machine),
        ...(segments === undefined ? {} : { segmentsFor: { machine, bytes: segmentBytes } }),
      },
      c.req.valid('json').spaces as SpaceId[],
      ending.signal,
    );
    return c.body(stream, 200, { 'content-type': 'application/x-ndjson', 'x-accel-buffering': 'no' });
  });
}
