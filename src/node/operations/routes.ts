import { createRoute, z } from '@hono/zod-openapi';
import type { HubApp } from '../../gateways/native/hub-app.ts';
import { ApiError } from '../../gateways/native/api-error.ts';
import { checkJsonLength } from '../../gateways/native/body.ts';
import type { SatchelNode } from '../node.ts';
import { answerOperation } from './answer.ts';
import { isOperation, OPERATIONS } from './table.ts';

const INPUT_BYTES = 64 * 1024 * 1024;

const failure = z.object({
  error: z.object({ code: z.string(), kind: z.string(), type: z.string(), message: z.string(), next: z.string().nullable() }),
});
const failed = (description: string) => ({ description, content: { 'application/json': { schema: failure } } });

const route = createRoute({
  method: 'post',
  path: '/v1/node/{operation}',
  summary: 'What this machine’s commands ask of the node. Needs the token in SATCHEL_HOME/api-token',
  description:
    'The answer is NDJSON: any number of `{"progress":{done,total,what}}` and `{"say":"…"}`, with `{"working":true}` where it is silent for long, then one of `{"result":…}` and `{"failure":{kind,type,message,next}}`. What fails before its first line is answered by its status.',
  security: [{ token: [] }],
  request: {
    params: z.object({ operation: z.enum(Object.keys(OPERATIONS) as [string, ...string[]]) }),
    body: { required: true, content: { 'application/json': { schema: z.looseObject({}) } } },
  },
  responses: {
    200: { description: 'The lines', content: { 'application/x-ndjson': { schema: z.string() } } },
    400: failed('Wrong input: the message names it'),
    403: failed('Refused'),
    409: failed('A conflict or an approval is left open'),
    500: failed('Failed'),
    502: failed('A remote could not be reached'),
  },
});

/** Operations over HTTP, for the thin commands. */
export function operationRoutes(node: SatchelNode): (app: HubApp) => void {
  return (app) => {
    app.openAPIRegistry.registerPath(route);
    app.post('/v1/node/:operation', async (c) => {
      const name = c.req.param('operation');
      if (!isOperation(name)) throw new ApiError('not-found', 'no such operation');
      if ((c.req.header('content-type') ?? '').split(';')[0]?.trim().toLowerCase() !== 'application/json')
        throw new ApiError('unsupported-media-type', 'this body must be application/json');
      checkJsonLength(c, INPUT_BYTES);
      return answerOperation(c, node, name, parseJson(await c.req.text()));
    });
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError('bad-request', 'the input is not JSON');
  }
}
