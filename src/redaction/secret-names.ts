const SECRET =
  /(?:^|[^a-z])(?:api_?key|access_?key|secret_?key|private_?key|signing_?key|encryption_?key|master_?key|account_?key|shared_?key|secret|token|password|passwd|passphrase|pwd|credentials?|authorization|bearer|cookie|pat|webhook_?url|connection_?string|dsn)(?:[^a-z]|$)/;
/** What is about secrets without being one: `tokenLimit`, `apiKeyHelper`, `KEY_FILE`. */
const ABOUT =
  /(?:helper|command|script|export|refresh|path|file|dir|url|uri|endpoint|host|limit|count|budget|max|min|ttl|timeout|expir\w*|ms|seconds|size|length|type|name|id|enabled|disabled|format|header|prefix|provider|mode|tokens)$/;

/** Whether a key's or variable's name says that its value is secret: `OPENAI_API_KEY`, `dbPassword`, `x-auth-token`. */
export function isSecretName(name: string): boolean {
  const words = name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .replaceAll(/[-. ]/g, '_');
  if (words.length > 200 || !SECRET.test(words)) return false;
  const last = words.split('_').at(-1) ?? '';
  return !ABOUT.test(last) || /webhook_?url$|_?dsn$/.test(words);
}
