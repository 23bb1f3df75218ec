export function keyOf(table: string, row: Readonly<Record<string, unknown>>): string;
