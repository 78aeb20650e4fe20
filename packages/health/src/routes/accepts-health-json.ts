/** draft-inadarei-api-health-check-06 */
export const healthJsonType = 'application/health+json'

/**
 * Whether who asks names `application/health+json` and likes it at least as well as plain JSON. A wildcard
 * names nothing: whoever takes anything gets plain JSON.
 */
export function acceptsHealthJson(accept: string | undefined): boolean {
  if (accept === undefined || !accept.includes(healthJsonType)) return false
  const weights = new Map(
    accept.split(',').map((range) => {
      const [type = '', ...parameters] = range.split(';').map((part) => part.trim())
      const weight = parameters.find((parameter) => parameter.startsWith('q='))
      return [type.toLowerCase(), weight === undefined ? 1 : Number(weight.slice(2))]
    }),
  )
  const weight = weights.get(healthJsonType) ?? 0
  return weight > 0 && weight >= (weights.get('application/json') ?? 0)
}
