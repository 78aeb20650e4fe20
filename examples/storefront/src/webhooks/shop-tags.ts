/** What is remembered of which shop belongs to which instance. */
export const shopTags: readonly string[] = ['shops']
