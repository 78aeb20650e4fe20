import { type Html, html } from './html.js'

export interface DashboardModel {
  instanceId: string
  vendorName: string
  /** Who probably signs in. */
  email: string
}

/** The page; its script fills it from the API. */
export function dashboardPage({ instanceId, vendorName, email }: DashboardModel): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${vendorName} · Storefront</title>
        <link rel="icon" href="/dashboard/assets/icon.svg" type="image/svg+xml" />
        <link rel="stylesheet" href="/dashboard/assets/dashboard.css" />
        <script type="module" src="/dashboard/assets/dashboard.js"></script>
      </head>
      <body data-instance="${instanceId}">
        <a class="skip" href="#products">Skip to the products</a>
        <header>
          <div>
            <p class="kicker">Storefront</p>
            <h1>${vendorName}</h1>
          </div>
          <div class="who">
            <p id="health" class="badge" role="status">checking…</p>
            <p id="user" hidden>
              <span id="user-name"></span> <button id="sign-out" type="button">Sign out</button>
            </p>
          </div>
        </header>
        <main>
          <noscript><p class="notice">This page needs JavaScript to show figures and products.</p></noscript>
          <section id="sign-in-section" aria-labelledby="sign-in-title" hidden>
            <h2 id="sign-in-title">Sign in</h2>
            <form id="sign-in" class="sign-in">
              <label for="email">E-mail address</label>
              <input id="email" type="email" autocomplete="username" required value="${email}" />
              <label for="password">Password</label>
              <input id="password" type="password" autocomplete="current-password" required />
              <button type="submit">Sign in</button>
            </form>
            <p id="sign-in-error" class="notice" role="alert" hidden></p>
          </section>
          <section aria-labelledby="figures-title" data-signed-in hidden>
            <h2 id="figures-title">Last 30 days</h2>
            <dl id="figures" class="figures" aria-busy="true">
              ${figure('revenue', 'Revenue')} ${figure('orders', 'Orders')}
              ${figure('average', 'Average order')} ${figure('stock', 'Low on stock')}
            </dl>
            <p id="figures-error" class="notice" role="alert" hidden></p>
          </section>
          <section aria-labelledby="products-title" data-signed-in hidden>
            <div class="bar">
              <h2 id="products-title">Products</h2>
              <form id="search" role="search">
                <label for="search-text">Search name or SKU</label>
                <input id="search-text" type="search" name="search" maxlength="200" autocomplete="off" />
              </form>
            </div>
            <div class="table" tabindex="0" role="region" aria-labelledby="products-title">
              <table id="products" aria-busy="true">
                <thead>
                  <tr>
                    <th scope="col">Product</th>
                    <th scope="col">SKU</th>
                    <th scope="col" class="number">Price</th>
                    <th scope="col" class="number">In stock</th>
                  </tr>
                </thead>
                <tbody></tbody>
              </table>
            </div>
            <p id="products-status" class="hint" role="status">Loading products…</p>
            <p id="products-error" class="notice" role="alert" hidden></p>
            <button id="more" type="button" hidden>Show more</button>
          </section>
        </main>
        <footer>
          <p>Instance <code>${instanceId}</code> · <a href="/docs">API</a></p>
        </footer>
      </body>
    </html>`
}

function figure(id: string, label: string): Html {
  return html`<div>
    <dt>${label}</dt>
    <dd id="figure-${id}">–</dd>
  </div>`
}
