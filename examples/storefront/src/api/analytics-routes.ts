import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { tags } from '@stayfast/tagged-cache'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { Analytics, DateRange } from '../catalogue/analytics.js'
import { DateRangeInvalidError } from '../errors.js'
import { errorResponses } from './error-response.js'
import type { VendorScope } from './vendor-scope.js'

const DEFAULT_DAYS = 30
const DAY_MS = 86_400_000
const FRESH_SECONDS = 300

// Years that Postgres, JavaScript and the day before the first one all know.
const YEAR = '^(?:19|20|21)\\d\\d-'
const Day = Type.Union([
  Type.String({ format: 'date', pattern: YEAR }),
  // As `toISOString()` writes it; without a leap second, which JavaScript does not know.
  Type.String({
    format: 'iso-date-time',
    pattern: `${YEAR}\\d\\d-\\d\\dT\\d\\d:\\d\\d:[0-5]\\d(?:\\.\\d+)?(?:Z|[+-]\\d\\d:\\d\\d)?$`,
  }),
])
const RangeQuery = Type.Object({ dateFrom: Type.Optional(Day), dateTo: Type.Optional(Day) })
const Sales = { orderCount: Type.Integer(), revenueCents: Type.Integer() }
const Snapshot = Type.Object({
  vendorId: Type.String(),
  dateFrom: Type.String(),
  dateTo: Type.String(),
  ...Sales,
  unitsSold: Type.Integer(),
  averageOrderCents: Type.Integer(),
  previous: Type.Object(Sales),
  byStatus: Type.Array(
    Type.Object({ status: Type.String(), orderCount: Type.Integer(), totalCents: Type.Integer() }),
  ),
  byDay: Type.Array(Type.Object({ date: Type.String(), ...Sales })),
  byWeekday: Type.Array(Type.Object({ weekday: Type.Integer(), ...Sales })),
  topProducts: Type.Array(
    Type.Object({
      productId: Type.String(),
      name: Type.Union([Type.String(), Type.Null()]),
      unitsSold: Type.Integer(),
      revenueCents: Type.Integer(),
    }),
  ),
  inventory: Type.Object({
    productCount: Type.Integer(),
    unitsInStock: Type.Integer(),
    stockValueCents: Type.Integer(),
    lowStockCount: Type.Integer(),
  }),
})

/** `/api/vendor/analytics/snapshot`: a vendor's figures over a range of days. */
export const analyticsRoutes: FastifyPluginCallbackTypebox<{
  scope: VendorScope
  analytics: Analytics
}> = (app, { scope, analytics }, done) => {
  app.addHook('onRequest', scope.requireVendor)

  app.get(
    '/snapshot',
    {
      schema: {
        tags: ['analytics'],
        summary: 'The figures of the vendor over a range of days',
        querystring: Type.Object({
          instance: Type.Optional(
            Type.String({ description: 'An instance, by its id or its token; your own vendor without it' }),
          ),
          ...RangeQuery.properties,
        }),
        response: { 200: Snapshot, ...errorResponses },
      },
      config: {
        cache: {
          ttlSeconds: FRESH_SECONDS,
          key: (request) => {
            const { dateFrom, dateTo } = rangeOf(request.query)
            return `analytics:${scope.vendorIdOf(request)}:snapshot:${dateFrom}:${dateTo}`
          },
          tags: (request) => [tags.vendor(scope.vendorIdOf(request))],
        },
      },
    },
    (request) => analytics.snapshot(scope.vendorIdOf(request), rangeOf(request.query)),
  )

  done()
}

/** Days in UTC, both included; the last 30 where none is named. */
function rangeOf(query: unknown): DateRange {
  const { dateFrom: from, dateTo: to } = Value.Parse(RangeQuery, query)
  const dateTo = to === undefined ? isoDate(Date.now()) : dayOf(to)
  const dateFrom =
    from !== undefined ? dayOf(from) : isoDate(Date.parse(dateTo) - (DEFAULT_DAYS - 1) * DAY_MS)
  if (dateFrom > dateTo) throw new DateRangeInvalidError(dateFrom, dateTo)
  return { dateFrom, dateTo }
}

/** The day in UTC of a time; a time without a zone is in UTC. */
function dayOf(dayOrTime: string): string {
  if (!dayOrTime.includes('T')) return dayOrTime
  return isoDate(Date.parse(/(?:Z|[+-]\d\d:\d\d)$/.test(dayOrTime) ? dayOrTime : `${dayOrTime}Z`))
}

function isoDate(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10)
}
