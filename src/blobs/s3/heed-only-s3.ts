import type { S3Client } from '@aws-sdk/client-s3';
import { NotTheStore } from '../not-the-store.ts';

interface Answer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** Their answers name the object's tag, at every store. */
const TAGGED = new Set(['PutObjectCommand', 'GetObjectCommand', 'HeadObjectCommand']);

/**
 * Of what answers in the place of a store, as the page of a Wi-Fi or a proxy's, nothing is believed: not that a blob was written,
 * what it holds, or that it is not there. The SDK itself takes any 200 for a success.
 */
export function heedOnlyS3(client: S3Client): void {
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const answered = await next(args);
      const { statusCode, headers } = answered.response as Answer;
      const isPage = /^text\/html\b/i.test(headers['content-type'] ?? '');
      const isSuccess = statusCode >= 200 && statusCode < 300;
      const lacksTag = isSuccess && TAGGED.has(context.commandName ?? '') && headers['etag'] === undefined;
      if (lacksTag || (isPage && (isSuccess || statusCode === 404))) throw new NotTheStore(statusCode);
      return answered;
    },
    { step: 'deserialize', priority: 'low', name: 'heedOnlyS3' },
  );
}
