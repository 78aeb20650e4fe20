// Fills the page from the storefront's API. Text goes in as text: nothing from the server becomes markup.

const LOW_STOCK = 5
const SEARCH_PAUSE_MS = 200
const HEALTH_EVERY_MS = 5000

const instance = document.body.dataset.instance
const api = `/api/${encodeURIComponent(instance)}`
const money = new Intl.NumberFormat(undefined, { style: 'currency', currency: 'EUR' })
const count = new Intl.NumberFormat()

const element = (id) => document.getElementById(id)

async function ask(path, signal) {
  const response = await fetch(path, { headers: { accept: 'application/json' }, signal })
  return read(response)
}

async function read(response) {
  const body = response.status === 204 ? undefined : await response.json()
  if (response.status === 401) showSignIn()
  if (!response.ok) throw new Error(body.message)
  return { body, nextCursor: response.headers.get('x-next-cursor') }
}

let csrfToken = ''

async function post(path, content) {
  const response = await fetch(path, {
    method: 'POST',
    headers: { accept: 'application/json', 'content-type': 'application/json', 'x-csrf-token': csrfToken },
    body: JSON.stringify(content),
  })
  return read(response)
}

function showSignIn() {
  for (const section of document.querySelectorAll('[data-signed-in]')) section.hidden = true
  element('user').hidden = true
  element('sign-in-section').hidden = false
}

function showSignedIn(user) {
  csrfToken = user.csrfToken
  element('sign-in-section').hidden = true
  element('user-name').textContent = user.userId
  element('user').hidden = false
  for (const section of document.querySelectorAll('[data-signed-in]')) section.hidden = false
  showFigures()
  showProducts({ append: false })
}

function showError(id, error) {
  const place = element(id)
  place.textContent = error === undefined ? '' : `That did not work: ${error.message}`
  place.hidden = error === undefined
}

async function showFigures() {
  try {
    const { body } = await ask(`/api/vendor/analytics/snapshot?instance=${encodeURIComponent(instance)}`)
    element('figure-revenue').textContent = money.format(body.revenueCents / 100)
    element('figure-orders').textContent = count.format(body.orderCount)
    element('figure-average').textContent = money.format(body.averageOrderCents / 100)
    element('figure-stock').textContent = count.format(body.inventory.lowStockCount)
  } catch (error) {
    showError('figures-error', error)
  } finally {
    element('figures').removeAttribute('aria-busy')
  }
}

async function showHealth() {
  const badge = element('health')
  try {
    // Without the cookie: to know who asks would take a look into Redis, which may be what is away.
    const { body } = await read(await fetch('/api/v1/health', { credentials: 'omit' }))
    badge.dataset.state = body.status
    badge.textContent = body.status === 'ok' ? 'All is well' : 'Degraded, still serving'
  } catch {
    badge.textContent = 'Not reachable'
  }
}

function cell(tag, text, className = '') {
  const node = document.createElement(tag)
  node.textContent = text
  node.className = className
  return node
}

function productRow(product) {
  const row = document.createElement('tr')
  const name = cell('th', product.name)
  name.scope = 'row'
  const low = product.stock < LOW_STOCK
  row.append(
    name,
    cell('td', product.sku),
    cell('td', money.format(product.priceCents / 100), 'number'),
    cell('td', `${count.format(product.stock)}${low ? ' · low' : ''}`, low ? 'number low' : 'number'),
  )
  return row
}

let nextCursor = null
let underWay = new AbortController()

async function showProducts({ append }) {
  underWay.abort()
  underWay = new AbortController()
  const { signal } = underWay
  const table = element('products')
  const rows = table.tBodies[0]
  const query = new URLSearchParams({ limit: '50' })
  const search = element('search-text').value.trim()
  if (search !== '') query.set('search', search)
  if (append && nextCursor !== null) query.set('cursor', nextCursor)
  table.setAttribute('aria-busy', 'true')
  try {
    const page = await ask(`${api}/products?${query}`, signal)
    const added = page.body.map(productRow)
    if (append) rows.append(...added)
    else rows.replaceChildren(...added)
    nextCursor = page.nextCursor
    showError('products-error')
    element('more').hidden = nextCursor === null
    element('products-status').textContent =
      rows.childElementCount === 0
        ? 'No product matches.'
        : `${count.format(rows.childElementCount)} shown${nextCursor === null ? '' : ', there are more'}.`
  } catch (error) {
    if (signal.aborted) return
    showError('products-error', error)
    element('products-status').textContent = ''
  } finally {
    if (!signal.aborted) table.removeAttribute('aria-busy')
  }
}

let pause
element('search').addEventListener('input', () => {
  clearTimeout(pause)
  pause = setTimeout(() => showProducts({ append: false }), SEARCH_PAUSE_MS)
})
element('search').addEventListener('submit', (event) => {
  event.preventDefault()
  clearTimeout(pause)
  showProducts({ append: false })
})
element('more').addEventListener('click', () => showProducts({ append: true }))

element('sign-in').addEventListener('submit', async (event) => {
  event.preventDefault()
  try {
    const { body } = await post('/auth/login', {
      email: element('email').value,
      password: element('password').value,
    })
    element('password').value = ''
    showError('sign-in-error')
    showSignedIn(body)
  } catch (error) {
    showError('sign-in-error', error)
    element('password').focus()
  }
})
element('sign-out').addEventListener('click', async () => {
  try {
    await post('/auth/logout', {})
    showSignIn()
    element('email').focus()
  } catch (error) {
    showError('figures-error', error)
  }
})

async function start() {
  try {
    const { body } = await ask('/auth/session')
    showSignedIn(body)
  } catch (error) {
    // Who is not signed in is shown the form, which says enough.
    if (element('sign-in-section').hidden) {
      showSignIn()
      showError('sign-in-error', error)
    }
  }
}

showHealth()
setInterval(showHealth, HEALTH_EVERY_MS)
start()
