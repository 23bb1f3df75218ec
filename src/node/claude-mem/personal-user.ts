/** The user whose feed is the personal space. Others have only their feed. */
export const PERSONAL_USER = 'me';
