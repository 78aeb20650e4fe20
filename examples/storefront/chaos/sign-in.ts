import { type Ask, type HttpClient } from './http-client.js'
import { textField } from './request-record.js'

/** What all demo users sign in with. */
export const password = 'the password of the chaos run'

/** What a browser keeps of a sign-in. */
export interface SignedIn {
  readonly cookie: string
  readonly csrfToken: string
}

/** Signs a vendor's user in; undefined where that was not possible. */
export async function signIn(client: HttpClient, vendorId: string): Promise<SignedIn | undefined> {
  const answer = await client.ask({
    method: 'POST',
    path: '/auth/login',
    body: { email: `${vendorId}@demo.test`, password },
  })
  const csrfToken = textField(answer.body, 'csrfToken')
  if (answer.status !== 200 || csrfToken === undefined) return undefined
  return { cookie: answer.cookies.map((each) => each.split(';', 1).join()).join('; '), csrfToken }
}

/** The question, asked as somebody. */
export function as({ cookie, csrfToken }: SignedIn, ask: Ask): Ask {
  return { ...ask, headers: { ...ask.headers, cookie, 'x-csrf-token': csrfToken } }
}
