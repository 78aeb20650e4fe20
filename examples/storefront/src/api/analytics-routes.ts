import { type FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { type Analytics, type DateRange } from '../catalogue/analytics.js'
import { DateRangeInvalidError } from '../errors.js'
import { errorResponses } from './error-response.js'
import { type VendorScope } from './vendor-scope.js'

const DEFAULT_DAYS = 30
const DAY_MS = 86_400_000

// Years that Postgres, JavaScript and the day before the first one all know.
const IsoDate = Type.String({ format: 'date', pattern: '^(?:19|20|21)\\d\\d-' })
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
          dateFrom: Type.Optional(IsoDate),
          dateTo: Type.Optional(IsoDate),
        }),
        response: { 200: Snapshot, ...errorResponses },
      },
    },
    async (request, reply) => {
      const range = dateRange(request.query.dateFrom, request.query.dateTo, new Date())
      reply.header('x-cache', 'BYPASS')
      return analytics.snapshot(scope.vendorIdOf(request), range)
    },
  )

  done()
}

/** Days in UTC, both included; the last 30 where none is named. */
function dateRange(from: string | undefined, to: string | undefined, now: Date): DateRange {
  const dateTo = to ?? isoDate(now.getTime())
  const dateFrom = from ?? isoDate(Date.parse(dateTo) - (DEFAULT_DAYS - 1) * DAY_MS)
  if (dateFrom > dateTo) throw new DateRangeInvalidError(dateFrom, dateTo)
  return { dateFrom, dateTo }
}

function isoDate(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10)
}
