import t from 'tap'
import { ordersContract } from './contract/orders-contract.js'
import { productsContract } from './contract/products-contract.js'
import { openStorefront } from './open-storefront.js'
import { StorefrontClient } from './storefront-client.js'

const app = await openStorefront(t)

const shop = await new StorefrontClient(app).open()
const neighbour = await new StorefrontClient(app, '00000000-0000-4000-8000-000000000002').open()

productsContract(t, shop, neighbour)
ordersContract(t, neighbour)
