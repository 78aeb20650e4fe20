import { showError } from './announce.js'
import { type Api, Refusal } from './api.js'
import type { SignedIn } from './api-types.js'
import { element } from './dom.js'

const SESSIONS_AWAY = 'STAY_SESSION_UNAVAILABLE'

/** The form for whoever is not signed in. */
export class SignInView {
  constructor(api: Api, onSignedIn: (user: SignedIn) => void) {
    const form = element('sign-in')
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      void submit()
    })
    const submit = async (): Promise<void> => {
      if (form.ariaBusy === 'true') return
      form.setAttribute('aria-busy', 'true')
      const password = element('password', HTMLInputElement)
      try {
        const user = await api.signIn(element('email', HTMLInputElement).value, password.value)
        password.value = ''
        showError('sign-in-error')
        onSignedIn(user)
      } catch (error) {
        showError('sign-in-error', explained(error))
        password.focus()
      } finally {
        form.removeAttribute('aria-busy')
      }
    }
  }

  /** @param why what happened to the session that there was. */
  show(why = ''): void {
    element('sign-in-section').hidden = false
    element('sign-in-why').textContent = why
    element('sign-in-why').hidden = why === ''
  }

  hide(): void {
    element('sign-in-section').hidden = true
    element('sign-in-why').hidden = true
    showError('sign-in-error')
  }
}

/** What sessions are kept in is away, which the session plugin tells developers, not whoever signs in. */
function explained(error: unknown): unknown {
  if (!(error instanceof Refusal) || error.code !== SESSIONS_AWAY) return error
  return new Error('Sign-ins wait until Redis is back; this page says when it is. Nobody was signed out.')
}
