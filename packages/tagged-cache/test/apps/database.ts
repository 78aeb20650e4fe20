/** Stands for a database that takes its time. */
const names = new Map([['1', 'old name']])
let queries = 0

export async function findShop(
  id: string,
): Promise<{ id: string; name: string | undefined; queries: number }> {
  queries += 1
  const name = names.get(id)
  await new Promise((resolve) => setTimeout(resolve, 20))
  return { id, name, queries }
}

export async function renameShop(id: string, name: string): Promise<{ id: string; name: string }> {
  await new Promise((resolve) => setTimeout(resolve, 5))
  names.set(id, name)
  return { id, name }
}

export async function listShops(): Promise<{ shops: (string | undefined)[]; queries: number }> {
  const { name, queries: number } = await findShop('1')
  return { shops: [name], queries: number }
}

/** What a request to rename a shop brings. */
export interface Rename {
  Params: { id: string }
  Body: { name: string }
}
