/** What canonical bytes can say. Numbers are finite. */
export type Canonical = number | string | boolean | null | Uint8Array | readonly Canonical[] | { readonly [key: string]: Canonical };
